"""`python -m pages.shell.window LINK`: Synapse in a native window, or in the browser without a toolkit for one."""

import sys
import webbrowser


def main(link: str) -> None:
    """Show `link` in a native window until it is closed; the control room keeps running."""
    try:
        import webview
    except ImportError:
        print('No toolkit for a window: pip install "pywebview[qt]". Opening the browser instead.', file=sys.stderr)
        webbrowser.open(link)
        return
    webview.create_window('Synapse', link, width=1440, height=900, min_size=(360, 640))
    webview.start(private_mode=True)
    print('The window is closed; Synapse keeps running. Open it again with: python main.py open', file=sys.stderr)


if __name__ == '__main__':
    main(sys.argv[1])
