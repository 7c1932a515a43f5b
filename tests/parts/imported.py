"""What the fork server imports: all that the program would, its pages and what uvicorn chooses later."""
# ruff: noqa: F401

import gc

import anyio._backends._asyncio
import uvicorn.lifespan.on
import uvicorn.loops.auto
import uvicorn.protocols.http.auto
import uvicorn.protocols.websockets.auto

import main
import pages.server
import pages.shell.other_pages
import pages.shell.shell
import synapse.api.rest.app
import synapse.builtin.backup_folder
import synapse.builtin.publish_video
import synapse.builtin.run_command
import synapse.cli.arguments

gc.freeze()
