/** Something that the user can put right; the message says how. */
class GoldError extends RuntimeException {

    GoldError(String message) {
        super(message)
    }
}
