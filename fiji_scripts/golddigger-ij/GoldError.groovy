/** Something that the user can put right; the message says how. */
class GoldError extends RuntimeException {

    /** Whether the user has stopped the command, and has nothing to be told that needs a click. */
    final boolean stopped

    GoldError(String message, boolean stopped = false) {
        super(message)
        this.stopped = stopped
    }
}
