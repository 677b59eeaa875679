"""Answers AMQP's greeting on the ports that it is given, in place of brokers."""

import selectors
import socket
import sys

ANSWER = b"AMQP\x00\x00\x09\x01"


def main(ports: list[int]) -> None:
    """Serve until killed."""
    chosen = selectors.DefaultSelector()
    doors = [socket.create_server(("127.0.0.1", port)) for port in ports]
    for door in doors:
        chosen.register(door, selectors.EVENT_READ)
    sys.stdout.write("1\n")
    sys.stdout.flush()
    while True:
        for key, _ in chosen.select():
            if key.fileobj in doors:
                guest, _ = key.fileobj.accept()  # type: ignore[union-attr]
                chosen.register(guest, selectors.EVENT_READ)
            else:
                _serve(chosen, key.fileobj)  # type: ignore[arg-type]


def _serve(chosen: selectors.BaseSelector, guest: socket.socket) -> None:
    try:
        greeted = guest.recv(64)
        if greeted:
            guest.sendall(ANSWER)
            return
    except OSError:
        pass
    chosen.unregister(guest)
    guest.close()


if __name__ == "__main__":
    main([int(each) for each in sys.argv[1:]])
