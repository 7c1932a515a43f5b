"""Takes alerts out of the browser: by mail, to a phone, into a chat, to a program of the person's own."""
