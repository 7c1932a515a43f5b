"""`python -m pages.shell.window LINK`: Synapse in a window of its own, or in the browser where there is no toolkit."""

import sys
import webbrowser


def main(link: str) -> None:
    """Show `link` in a native window until it is closed; the control room goes on without it."""
    try:
        import webview
    except ImportError:
        print('No native window here: pip install "pywebview[qt]". Opening the browser instead.', file=sys.stderr)
        webbrowser.open(link)
        return
    webview.create_window('Synapse', link, width=1440, height=900, min_size=(360, 640))
    webview.start(private_mode=True)
    print('The window is closed; Synapse goes on. Open it again with: python main.py open', file=sys.stderr)


if __name__ == '__main__':
    main(sys.argv[1])
