// The functions of macOS by which code waits: those below C++'s std::atomic::wait there. Their numbers are the same on
// all processors.

/** Compares 32 bits and sleeps while they are equal; errors come back as negative results. */
export const WAIT = 0x01000001;
export const WAKE_ONE = 0x00000001;
export const WAKE_ALL = 0x00000101;
export const TIMED_OUT = -60;
/** A shift that makes about microseconds of nanoseconds, in which these functions count. */
export const MICROSECONDS_BITS = 10;
/** A monotonic clock that does not run while the machine sleeps. */
export const UPTIME_CLOCK = 8;
