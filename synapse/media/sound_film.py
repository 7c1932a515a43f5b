"""Sound without a picture as a film: with its cover, or with its waveform."""

from synapse.language import _

from .picture import PictureWishes, canvas
from .probe import AudioStream, MediaFile

RATE = 25
_COVER_RATE = 5
_HD = (1920, 1080)


def film_of_sound(media: MediaFile, track: AudioStream, wishes: PictureWishes) -> tuple[str, tuple[int, int], str]:
    """Return a filter graph of ffmpeg without its output, the size of that, and what it shows in words.

    The picture has no end: `-t` has to end it with the sound.
    """
    wide, high = size = canvas(_HD, wishes)
    colours = 'setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709'
    if media.cover is None:
        waves = f'showwaves=size={wide}x{high}:mode=cline:draw=full:scale=sqrt:rate={RATE}:colors=white'
        over = f'color=c={wishes.background}:size={wide}x{high}:rate={RATE}[back];[back][waves]overlay=format=gbrp'
        graph = f'[0:{track.index}]{waves}[waves];{over},'
    else:
        graph = (
            f'[0:{media.cover}]loop=loop=-1:size=1,setpts=N/{_COVER_RATE}/TB,fps={_COVER_RATE},'
            f"scale=w='min({wide},2*round({high}*dar/2))':h='min({high},2*round({wide}/dar/2))',format=gbrp,"
            f'pad={wide}:{high}:-1:-1:{wishes.background},'
        )
    graph += f'scale=out_color_matrix=bt709:out_range=tv,format=yuv420p,{colours},setsar=1'
    return graph, size, _('the waveform of the sound') if media.cover is None else _('the cover of the sound')
