# usage: users.py SOCKET: the library by way of the official Python binding.
import errno
import multiprocessing
import os
import signal
import sys
import threading

import nbd

path = sys.argv[1]
done = []


def connected():
    h = nbd.NBD()
    h.connect_unix(path)
    return h


def synchronous():
    h = connected()
    assert "gonbd" in h.get_version_extra(), h.get_version_extra()
    assert h.get_size() == 1 << 20
    data = os.urandom(65536)
    h.pwrite(data, 4096)
    assert h.pread(65536, 4096) == data
    found = bytearray()

    def chunk(buf, offset, status, err):
        found.extend(buf)

    h.pread_structured(65536, 4096, chunk)
    assert len(found) == 65536
    h.shutdown()


def asynchronous():
    h = connected()
    buf = nbd.Buffer.from_bytearray(bytearray(b"x" * 4096))
    freed = []

    def completion(buf, err):
        assert err.value == 0
        freed.append(len(buf))
        return 1

    for i in range(64):
        h.aio_pwrite(buf, i * 4096, lambda err: completion(buf.to_bytearray(), err))
    while h.aio_in_flight() > 0:
        h.poll(-1)
    assert freed == [4096] * 64, freed
    out = nbd.Buffer(4096)
    cookie = h.aio_pread(out, 8192)
    while not h.aio_command_completed(cookie):
        h.poll(-1)
    assert out.to_bytearray() == b"x" * 4096


def exceptions():
    h = nbd.NBD()
    try:
        h.connect_unix("/no/such/socket")
    except nbd.Error as e:
        assert e.errno == "ENOENT" and e.errnum == errno.ENOENT, e
    else:
        raise AssertionError("no exception")
    h = connected()
    try:
        h.pread(512, 1 << 40)
    except nbd.Error as e:
        assert e.errnum == errno.EINVAL, e
    else:
        raise AssertionError("no exception")

    def refuse(err):
        raise RuntimeError("refused")

    sys.stderr.flush()
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        h.flush() if h.can_flush() else None
        h.block_status_64(4096, 0, lambda *a: refuse(None))
    except nbd.Error:
        pass
    finally:
        os.dup2(saved, 2)


def debugging():
    h = nbd.NBD()
    lines = []
    h.set_debug_callback(lambda context, msg: lines.append(context) or 0)
    h.set_debug(True)
    h.connect_unix(path)
    assert "nbd_connect_unix" in lines, lines


def use():
    h = connected()
    h.pread(512, 0)
    h.shutdown()


def threads():
    ts = [threading.Thread(target=lambda: [use() for _ in range(20)]) for _ in range(4)]
    for t in ts:
        t.start()
    for t in ts:
        t.join()


def forked():
    before = connected()
    for _ in range(5):
        pid = os.fork()
        if pid == 0:
            try:
                before.pread(512, 0)
            except nbd.Error as e:
                use()
                os._exit(0 if e.errnum == errno.ENOTSUP else 2)
            os._exit(3)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    before.pread(512, 0)


def pool():
    with multiprocessing.get_context("fork").Pool(3) as p:
        assert p.map(in_pool, range(12)) == list(range(12))


def in_pool(n):
    use()
    return n


def interrupted():
    # It is ignored where the tests run in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    h = connected()
    try:
        threading.Timer(0.05, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        while True:
            h.poll(50)
    except KeyboardInterrupt:
        pass
    h.pread(512, 0)


def broken_pipe():
    # Python ignores SIGPIPE, and so it stays.
    r, w = os.pipe()
    os.close(r)
    try:
        os.write(w, b"x")
    except BrokenPipeError:
        return
    raise AssertionError("no exception")


for test in (synchronous, asynchronous, exceptions, debugging, threads, forked, pool, interrupted, broken_pipe):
    try:
        test()
    except BaseException:
        print("in", test.__name__, file=sys.stderr)
        raise
print("all is well")
