"""The errors and warnings fftscape raises; each message is one sentence that names what to do."""


class FftscapeError(Exception):
    """Base of every error that fftscape raises on purpose."""


class InvalidSettingError(FftscapeError, ValueError):
    """A setting has a value that cannot be honoured for this image."""


class UnreadableFileError(FftscapeError, OSError):
    """A file cannot be read as an image, or a result cannot be read back."""

    def __str__(self) -> str:
        """Return the sentence itself (OSError would otherwise format its arguments)."""
        return str(self.args[0]) if self.args else ""


class UnwritableOutputError(FftscapeError, OSError):
    """A result cannot be written where it was asked for."""

    def __str__(self) -> str:
        """Return the sentence itself (OSError would otherwise format its arguments)."""
        return str(self.args[0]) if self.args else ""


class UncalibratedImageError(FftscapeError, ValueError):
    """An answer in physical units was asked of an image without a calibration."""


class BackendUnavailableError(FftscapeError, ImportError):
    """An optional library is needed and not installed."""


class FftscapeWarning(UserWarning):
    """Base of every warning that fftscape gives."""


class NotConvergedWarning(FftscapeWarning):
    """The factorization stopped at its iteration limit."""


class NoPeaksWarning(FftscapeWarning):
    """No component has a spot that stands out of its background."""


class OddImageWarning(FftscapeWarning):
    """The image was read and analysed, but something about it deserves a look."""
