"""Listens in the place of a ParaView and treats one run after the other as it is told to: WAYS, each a function below;
after them it closes what comes. Says in FILE at which port, and then a line for each connection.

listener.py FILE WAYS…
"""
import socket
import struct
import sys


def receive(connection, size):
    data = b''
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ConnectionError('the run has gone')
        data += part
    return data


def message(connection):
    tag, size = struct.unpack('<ii', receive(connection, 8))
    return tag, receive(connection, size)


def send(connection, tag, data):
    connection.sendall(struct.pack('<ii', tag, len(data)) + data)


def send_number(connection, tag, number):
    send(connection, tag, struct.pack('<i', number))


def greet(connection, refusal=0):
    for _ in range(4):  # order of bytes, version, its sum, size of numbers: all as the run has them
        send(connection, *message(connection))
    for _ in range(2):  # paraview.insitu.5.11
        message(connection)
    send_number(connection, 99990, refusal)


def close(connection):
    pass


def speak_ssh(connection):
    connection.sendall(b'SSH-2.0-OpenSSH_9.2\r\n')


def refuse(connection):
    greet(connection, 2)


def go_early(connection):
    greet(connection)
    for _ in range(2):  # the state of what is shown
        message(connection)


LITTLE_ENDIAN, NUMBER, TEXT, STREAM = b'\x01', b'\x00', b'\x06', b'\x09'  # of vtkMultiProcessStream


def sized(data):
    return struct.pack('<i', len(data)) + data


def send_stream(connection, tag, items):
    send_number(connection, tag, len(LITTLE_ENDIAN + items))
    send(connection, tag, LITTLE_ENDIAN + items)


def be_two(connection):
    """A ParaView of two processes, the second at a place where none is."""
    go_early(connection)
    send_number(connection, 8002, 2)
    message(connection)
    other = NUMBER + struct.pack('<i', 98210) + TEXT + sized(b'localhost') + NUMBER + struct.pack('<i', 1)
    send_stream(connection, 98211, STREAM + sized(LITTLE_ENDIAN) + STREAM + sized(LITTLE_ENDIAN + other))
    message(connection)


CALL, UPDATE, CHANGED = 1, 8800, 8804


def next_update(connection):
    """What the run says of the next frame, which may be the same again."""
    while True:
        tag, data = message(connection)
        if tag == CALL and struct.unpack('<i', data[:4]) == (UPDATE,):
            return data


def watch(connection):
    """Pauses the first frame and changes something, before it answers; has seen the second and goes in the third."""
    go_early(connection)
    send_number(connection, 8002, 1)
    for pause in (1, 0, 0):
        update = next_update(connection)
        if pause:
            send(connection, CALL, struct.pack('<ii', CHANGED, 0) + update[8:])
        send_number(connection, 8010, 0)
        send_stream(connection, 8012, NUMBER + struct.pack('<i', pause) + NUMBER + struct.pack('<i', 0))
    next_update(connection)


def be_silent(connection):
    silent.append(connection)


silent = []
file, *ways = sys.argv[1:]
server = socket.create_server(('localhost', 0))
with open(file, 'w') as said:
    print(server.getsockname()[1], file=said, flush=True)
    for way in ways + ['close'] * 100:
        connection, _ = server.accept()
        print(way, file=said, flush=True)
        try:
            globals()[way](connection)
        except ConnectionError:
            print(way, 'was left', file=said, flush=True)
        if connection not in silent:
            connection.close()
