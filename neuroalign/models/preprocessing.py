"""What an image network does to an image before its first layer, as a value with an identity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from neuroalign.errors import DataError, unknown_name

if TYPE_CHECKING:
    import torch

INTERPOLATIONS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")
ROUNDINGS = ("down", "nearest")
CHANNELS = ("RGB", "BGR")


@dataclass(frozen=True)
class ImagePreprocessing:
    """Resize, crop the center, and scale the pixels of an RGB image.

    A pixel of 0..255 becomes ``(pixel * scale - mean) / std``, rounded to float32 once. Images are
    resized as Pillow does, with a filter that grows with the reduction (antialiasing).

    Parameters
    ----------
    resize : int, (int, int) or None
        An int is the length of the shorter side, which keeps the aspect ratio; a pair is (row,
        column), whatever the ratio; None leaves the size.
    crop : int, (int, int) or None
        Size (row, column) of the center that is kept; an int for a square.
    interpolation : {"nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"}
    scale : float
        1/255 for networks that read 0..1.
    mean, std : (float, float, float)
        Of red, green and blue, after the scale.
    channels : {"RGB", "BGR"}
        The order that the network reads.
    longer : {"down", "nearest"}
        How the length of the longer side is rounded: torchvision rounds down.
    middle : {"down", "nearest"}
        How the first row and column of the crop are rounded: torchvision and timm round to the
        nearest (halves to even), transformers down.

    Examples
    --------
    >>> from PIL import Image
    >>> from neuroalign.models.preprocessing import ImagePreprocessing
    >>> preprocess = ImagePreprocessing(resize=256, crop=224, mean=(0.485, 0.456, 0.406))
    >>> tuple(preprocess(Image.new("RGB", (640, 480))).shape)
    (3, 224, 224)
    """

    resize: int | tuple[int, int] | None = None
    crop: int | tuple[int, int] | None = None
    interpolation: str = "bilinear"
    scale: float = 1 / 255
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    channels: str = "RGB"
    longer: str = "down"
    middle: str = "nearest"

    def __post_init__(self) -> None:
        """Refuse what cannot be, and bring numbers to one form, since the repr is an identity."""
        for field in ("resize", "crop"):
            object.__setattr__(self, field, _sizes(field, getattr(self, field)))
        for field in ("mean", "std"):
            object.__setattr__(self, field, _three(field, getattr(self, field)))
        object.__setattr__(self, "scale", float(self.scale))
        if not (np.isfinite(self.scale) and self.scale > 0 and min(self.std) > 0):
            message = (
                f"scale={self.scale} and std={self.std} of a preprocessing must be positive "
                "numbers, since pixels become (pixel * scale - mean) / std."
            )
            raise DataError(message)
        for field, known in (
            ("interpolation", INTERPOLATIONS),
            ("channels", CHANNELS),
            ("longer", ROUNDINGS),
            ("middle", ROUNDINGS),
        ):
            if getattr(self, field) not in known:
                raise unknown_name(getattr(self, field), known, kind=field)

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """Turn an image into what the network reads.

        Parameters
        ----------
        image : PIL.Image.Image
            Of any mode of 8 bits; read as RGB.

        Returns
        -------
        Tensor (channel, row, column), float32
        """
        import torch

        resized = self._resized(image.convert("RGB"))
        # Of 256 values a channel, each is worked out once, exactly.
        values = np.arange(256) * self.scale
        table = (values - np.array(self.mean)[:, None]) / np.array(self.std)[:, None]
        colors = dict(zip("RGB", table.astype(np.float32), strict=True))
        bands = dict(zip("RGB", self._cropped(resized).split(), strict=True))
        planes = [colors[name][np.asarray(bands[name])] for name in self.channels]
        return torch.from_numpy(np.stack(planes))

    def _resized(self, image: Image.Image) -> Image.Image:
        if self.resize is None:
            return image
        width, height = image.size
        if isinstance(self.resize, tuple):
            height, width = self.resize
        else:
            shorter, longer = sorted(image.size)
            if self.longer == "down":
                length = int(self.resize * longer / shorter)
            else:
                length = round(longer * (self.resize / shorter))
            width, height = (
                (self.resize, length) if image.width <= image.height else (length, self.resize)
            )
        if (width, height) == image.size:
            return image
        return image.resize((width, height), Image.Resampling[self.interpolation.upper()])

    def _cropped(self, image: Image.Image) -> Image.Image:
        if self.crop is None:
            return image
        rows, columns = (self.crop,) * 2 if isinstance(self.crop, int) else self.crop
        if rows > image.height or columns > image.width:
            message = (
                f"An image of {image.height} x {image.width} pixels is smaller than the center of "
                f"{rows} x {columns} that is to be cropped; give the preprocessing a resize."
            )
            raise DataError(message)
        rounded = int if self.middle == "down" else round
        top, left = rounded((image.height - rows) / 2), rounded((image.width - columns) / 2)
        return image.crop((left, top, left + columns, top + rows))


def _sizes(field: str, given: object) -> int | tuple[int, int] | None:
    if given is None:
        return None
    sizes: list[Any] = list(given) if isinstance(given, (tuple, list)) else [given]
    whole = all(isinstance(size, (int, np.integer)) and size > 0 for size in sizes)
    if not whole or (len(sizes) != 2 and isinstance(given, (tuple, list))):
        message = f"{field}={given!r} is no size; give pixels, or (row, column) in pixels."
        raise DataError(message)
    return (int(sizes[0]), int(sizes[1])) if len(sizes) == 2 else int(sizes[0])


def _three(field: str, given: object) -> tuple[float, float, float]:
    values = tuple(float(value) for value in np.ravel(np.asarray(given, dtype=float)))
    if len(values) != 3 or not np.isfinite(values).all():
        message = f"{field}={given!r} is not three numbers, of red, green and blue."
        raise DataError(message)
    return values
