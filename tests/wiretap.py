"""See every address that a process and its children send something to, from outside of it.

Two instruments: `strace`, which sees system calls, and a shim of libc's calls that is compiled when
it is needed. Both work without rights; a test skips where neither tool is there.
"""

from __future__ import annotations

import ipaddress
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

CALLS = "connect,sendto,sendmsg,sendmmsg"
_STRACED = re.compile(r'sin_addr=inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')
_SHIM = r"""
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void note(const char *address) {
  char line[512];
  int length = snprintf(line, sizeof line, "%.500s\n", address);
  int log = open(getenv("WIRETAP_LOG"), O_WRONLY | O_APPEND | O_CREAT, 0600);
  if (log < 0 || write(log, line, length) != length) abort();
  close(log);
}

static void note_address(const struct sockaddr *to) {
  char text[INET6_ADDRSTRLEN];
  const void *bytes;
  if (!to || (to->sa_family != AF_INET && to->sa_family != AF_INET6)) return;
  bytes = to->sa_family == AF_INET ? (void *)&((struct sockaddr_in *)to)->sin_addr
                                   : (void *)&((struct sockaddr_in6 *)to)->sin6_addr;
  note(inet_ntop(to->sa_family, bytes, text, sizeof text));
}

#define NEXT(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))

int connect(int fd, const struct sockaddr *to, socklen_t size) {
  note_address(to);
  return NEXT(connect)(fd, to, size);
}
ssize_t sendto(int fd, const void *data, size_t length, int flags, const struct sockaddr *to,
               socklen_t size) {
  note_address(to);
  return NEXT(sendto)(fd, data, length, flags, to, size);
}
ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  note_address(message->msg_name);
  return NEXT(sendmsg)(fd, message, flags);
}
int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags) {
  for (unsigned at = 0; at < count; at++) note_address(messages[at].msg_hdr.msg_name);
  return NEXT(sendmmsg)(fd, messages, count, flags);
}
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
  if (name) note(name); /* libc asks the name servers by itself */
  return NEXT(getaddrinfo)(name, service, hints, found);
}
"""


class Wiretap:
    """Starts commands under an instrument; `left` is read when they have ended."""

    def __init__(self, instrument: str, folder: Path) -> None:
        self._log = folder / "addresses.log"
        self._prefix: list[str] = []
        self._env: dict[str, str] = {}
        getattr(self, f"_by_{instrument}")(folder)

    def start(self, command: Sequence[str], **given: str) -> subprocess.Popen[str]:
        """Run a command, its stdout a pipe, with these variables besides the test's own."""
        env = {name: value for name, value in os.environ.items() if name != "RUNG_OFFLINE"}
        return subprocess.Popen(
            [*self._prefix, *command], env=env | self._env | given,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def seen(self) -> set[str]:
        """Return every address that something was sent to."""
        lines = self._log.read_text("utf-8").splitlines() if self._log.exists() else []
        if not self._prefix:
            return set(lines)
        return {v4 or v6 for line in lines for v4, v6 in _STRACED.findall(line)}

    def left(self) -> set[str]:
        """Return the addresses that are not on this machine."""
        return {address for address in self.seen() if not _is_loopback(address)}

    def _by_strace(self, folder: Path) -> None:
        if shutil.which("strace") is None:
            pytest.skip("strace is not installed")
        watch = ["strace", "-f", "-qq", "-e", f"trace={CALLS}"]
        for faster in (["--seccomp-bpf"], []):  # stops at these calls only, where the kernel can
            command = [*watch, *faster, "-o", os.devnull, "true"]
            probe = subprocess.run(command, capture_output=True, text=True)
            if probe.returncode == 0 and not probe.stderr:
                self._prefix = [*watch, *faster, "-o", str(self._log)]
                return
        pytest.skip(f"strace may not trace here: {probe.stderr.strip()}")

    def _by_shim(self, folder: Path) -> None:
        if (compiler := shutil.which("cc") or shutil.which("gcc")) is None:
            pytest.skip("no C compiler is installed")
        source, library = folder / "shim.c", folder / "shim.so"
        source.write_text(_SHIM, "utf-8")
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-w", "-o", library, source, "-ldl"], check=True
        )
        self._env = {"LD_PRELOAD": str(library), "WIRETAP_LOG": str(self._log)}


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
