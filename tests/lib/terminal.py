"""A command in a terminal of 80 columns: what a person sees, and what Ctrl-C does."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

COLUMNS, ROWS = 80, 24
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """`argv` runs as the foreground job of a terminal of its own."""

    def __init__(self, argv, env=None, cwd=None):
        self.main, side = pty.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.process = subprocess.Popen(
            argv, stdin=side, stdout=side, stderr=side, env=env, cwd=cwd, start_new_session=True,
            preexec_fn=self._begin)
        os.close(side)
        self.output = ""

    @staticmethod
    def _begin():
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        # As in a window that was just opened, also where the tests run behind `nohup` or `&`.
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)

    def read(self, seconds):
        """Takes what comes within a time, less if the command ends."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            ready, _, _ = select.select([self.main], [], [], left)
            if not ready:
                return
            try:
                chunk = os.read(self.main, 65536)
            except OSError:  # EIO: nobody holds the other side any more.
                return
            if not chunk:
                return
            self.output += chunk.decode("utf-8", errors="replace")

    def read_until(self, words, limit_s=120):
        ends = time.monotonic() + limit_s
        while words not in self.output:
            if time.monotonic() > ends or self.process.poll() is not None:
                self.read(0.2)
                if words in self.output:
                    return
                raise AssertionError(f"'{words}' did not appear in:\n{self.output}")
            self.read(0.1)

    def control_c(self):
        os.write(self.main, b"\x03")

    def resize(self, columns):
        fcntl.ioctl(self.main, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))

    def hang_up(self):
        """The window is closed."""
        os.close(self.main)
        self.main = -1

    def wait(self, limit_s=120):
        """The exit code; of one ended by a signal, as shells say it."""
        ends = time.monotonic() + limit_s
        while self.process.poll() is None:
            if time.monotonic() > ends:
                self.process.send_signal(signal.SIGKILL)
                raise AssertionError(f"did not end within {limit_s} s:\n{self.output}")
            if self.main >= 0:
                self.read(0.1)
            else:
                time.sleep(0.05)
        if self.main >= 0:
            self.read(0.2)
            os.close(self.main)
            self.main = -1
        code = self.process.returncode
        return code if code >= 0 else 128 - code

    def lines(self):
        """What was shown, without escape sequences; a line drawn over itself counts each time."""
        return re.split(r"[\r\n]+", ESCAPES.sub("", self.output))

    def wide_lines(self, columns=COLUMNS):
        """Lines that a terminal would have to wrap, but for what is to be copied: addresses, commands
        (whose program is in a deep directory in tests)."""
        return [line for line in self.lines() if len(line) > columns and "://" not in line
                and "`" not in line and "/bin/aurora-global" not in line]
