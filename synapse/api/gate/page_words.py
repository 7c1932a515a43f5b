"""The pages of the gate in the language of their reader. As files they are whole, and in English."""

from synapse import program
from synapse.language import N_, language, tag_of, translated

SIGN_IN = (
    N_('Sign in · Synapse'),
    N_('Sign in to Synapse'),
    N_(
        'Run <code>python main.py open</code> on the machine of Synapse (with the <code>--data</code> it was started '
        'with, if any) for a sign-in link, or enter the {what}.'
    ),
    N_('This browser was signed out, here or from another one. Sign in again to go on.'),
    N_('This connection is not encrypted: others in this network can read what you enter.'),
    N_('The token is in the file <code>token</code> in the data folder.'),
    N_('>Sign in</'),
)
LINK = (
    N_('Signing in · Synapse'),
    N_('Signing in…'),
    N_('Synapse needs JavaScript, and so does this link.'),
    N_('Sign in with the token'),
    N_('This link has no code. Run &quot;python main.py open&quot; for a fresh one.'),
    N_('Synapse did not answer. Is it still running?'),
)
REFUSED = (N_('Refused · Synapse'), N_('Synapse refused this'))


def in_words(page: str, texts: tuple[str, ...]) -> str:
    """Return a page in the language of its reader.

    :param texts: what is said in it; each stands in the page as it does here
    """
    for text in texts:
        page = page.replace(text, translated(text))
    page = page.replace('python main.py', program.NAME)
    return page.replace('lang="en"', f'lang="{tag_of(language())}"', 1)
