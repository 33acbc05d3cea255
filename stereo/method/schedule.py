"""At which steps the right view branches off, and at which it is refreshed (Sec. 3.2)."""

from dataclasses import dataclass

from stereo.options import StereoOptions

PUBLISHED_REFRESH_EVERY = 10


@dataclass(frozen=True)
class ShiftSchedule:
    """0-based step indices: the shift happens after `shift`, re-applications after `refresh`."""

    total: int
    shift: int
    refresh: frozenset[int]


def shift_schedule(total: int, options: StereoOptions) -> ShiftSchedule:
    """Place the shift and its re-applications in a run of `total` steps.

    Of 50 steps: shift after step 10, masked re-application after 20, 30 and 40, and the last
    fifth runs free. Other step counts keep these fifths; the published bookkeeping keeps the
    absolute numbers.
    """
    fifth = PUBLISHED_REFRESH_EVERY if options.published_bookkeeping else max(1, total // 5)
    first = min(fifth, total - 1) if options.shift_step is None else options.shift_step
    refresh = range(fifth, total, fifth) if options.masked_denoising else range(0)
    last = total if options.published_bookkeeping else total - fifth
    return ShiftSchedule(total, first, frozenset(k for k in refresh if first < k <= last))
