from synapse.media.own_subtitles import left_out, own_subtitles
from synapse.media.probe import MediaFile, SubtitleStream


def test_text_is_kept_and_pictures_are_told() -> None:
    codecs = ('subrip', 'pgssub', 'ass', 'dvdsub')
    tracks = tuple(SubtitleStream(index=at, codec=codec) for at, codec in enumerate(codecs))
    media = MediaFile(container='mkv', formats=(), subtitles=tracks)

    assert own_subtitles(media) == (tracks[0], tracks[2])
    assert left_out(media) == ('2 of 4 subtitle tracks left out, as they are pictures',)
    assert left_out(media.model_copy(update={'subtitles': tracks[:1]})) == ()
