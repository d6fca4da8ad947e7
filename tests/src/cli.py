# Terraform's shared library as a command: its path, and then what terraform is told.
import ctypes
import os
import sys

library = ctypes.CDLL(sys.argv[1])
arguments = [os.fsencode(argument) for argument in sys.argv[2:]]
code = library.RunCli(
    ctypes.c_int64(len(arguments)),
    (ctypes.c_char_p * len(arguments))(*arguments),
    # It closes what it is given.
    ctypes.c_int64(os.dup(1)),
    ctypes.c_int64(os.dup(2)),
)
# Without Python's cleaning up, which knows nothing of the library's threads.
os._exit(code)
