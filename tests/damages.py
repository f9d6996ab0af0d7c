"""What happens to files: cut, emptied, replaced, mixed up; each from bytes to other bytes."""

import io

import numpy as np

HTML = b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body></body></html>\n"


def cut(share):
    """Return a damage that keeps the first part of a file."""
    return lambda content, _: content[: int(len(content) * share)]


def another_format(content, _):
    """Replace a file by an array of NumPy; one of those by the first bytes of a PNG image."""
    if content.startswith((b"\x93NUMPY", b"PK")):
        return b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4
    file = io.BytesIO()
    np.save(file, np.arange(12.0))
    return file.getvalue()


def utf_16(content, _):
    """Write a text as another program might, which is noise where the file was no text."""
    return content.decode("latin-1").encode("utf-16")


def latin_1(content, _):
    """Put a letter of another encoding behind the first line."""
    first, line, rest = content.partition(b"\n")
    return first + line + b"\xe9\xff\xfe" + rest


def is_text(content):
    """Tell whether a file is text, which may end anywhere without a trace."""
    try:
        return "\0" not in content.decode("utf-8")
    except UnicodeDecodeError:
        return False


# These always leave a trace; cuts do where the file is no text.
CERTAIN = (
    "emptied", "a web page", "zeros", "random bytes", "another format", "another encoding",
)  # fmt: skip
CUTS = ("cut to a tenth", "cut in half", "cut near the end")
DAMAGES = {
    "emptied": lambda *_: b"",
    "cut to a tenth": cut(0.1),
    "cut in half": cut(0.5),
    "cut near the end": cut(0.9),
    "a web page": lambda *_: HTML,
    "zeros": lambda content, _: bytes(len(content)),
    "random bytes": lambda content, rng: rng.bytes(len(content)),
    "another format": another_format,
    "begins with zeros": lambda content, _: bytes(16) + content[16:],
    "lost its beginning": lambda content, _: content[16:],
    "another encoding": utf_16,
    "a foreign letter": latin_1,
}
