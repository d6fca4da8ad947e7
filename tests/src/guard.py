"""Runs a server and ends it, with every process it started, when this one is to end.

    guard.py SCRATCH PROGRAM ARGUMENT...

It ends when standard input closes, which the system does for whoever started it, however that
process dies; or at SIGTERM. The line "keep" on standard input means that the end of standard
input is no reason to stop, the line "kill" that the server gets no time to end in order, the line
"stop" that it gets much. At the end the folder SCRATCH is removed.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading

scratch, *command = sys.argv[1:]
done = threading.Event()
patience = 2


def watch_input():
    global patience
    keeps = False
    for line in sys.stdin.buffer:
        keeps = keeps or line == b"keep\n"
        if line == b"kill\n":
            end(server.pid, signal.SIGKILL)
        if line == b"stop\n":
            patience = 60
    if not keeps:
        done.set()


def watch_server(server):
    server.wait()
    done.set()


def end(group, sig):
    try:
        os.killpg(group, sig)
    except ProcessLookupError:
        pass


signal.signal(signal.SIGTERM, lambda *_: done.set())
signal.signal(signal.SIGINT, signal.SIG_IGN)
server = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
threading.Thread(target=watch_input, daemon=True).start()
threading.Thread(target=watch_server, args=(server,), daemon=True).start()
while not done.wait(3600):
    pass

end(server.pid, signal.SIGTERM)
try:
    server.wait(patience)
except subprocess.TimeoutExpired:
    pass
end(server.pid, signal.SIGKILL)
server.wait()
shutil.rmtree(scratch, ignore_errors=True)
# The interpreter would wait for the thread that reads standard input, and abort.
os._exit(max(server.returncode, 0))
