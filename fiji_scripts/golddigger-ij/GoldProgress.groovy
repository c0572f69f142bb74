import ij.IJ

/** How far the engine is, and whether the user has had enough of it; the engine calls it from its own thread. */
class GoldProgress {

    private final String title
    private volatile boolean stopped
    private volatile boolean news
    private volatile long done, total
    private volatile String message = ""

    GoldProgress(String title) {
        this.title = title
    }

    void update(long done, long total, String message) {
        this.done = done
        this.total = total
        this.message = message ?: ""
        news = true
    }

    boolean cancelled() {
        stopped
    }

    void cancel() {
        stopped = true
    }

    /** Shows what is new in ImageJ's status line and progress bar. */
    void show() {
        if (!news) return
        news = false
        IJ.showStatus(message ? "$title: $message" : total > 0 ? "$title: $done of $total" : title)
        if (total > 0) IJ.showProgress((double) done / total)
    }
}
