import groovy.transform.CompileStatic
import ij.ImagePlus
import ij.gui.Overlay
import ij.gui.Roi
import java.awt.Color
import java.awt.Rectangle

/**
 * Goes through an image's particles, least certain first: which is next, and what becomes of it. A particle that has been
 * looked at says so with gd_reviewed, so that a later review goes on where this one ended. Hidden particles are left out.
 */
@CompileStatic
class GoldReview {

    private static final String REVIEWED = "gd_reviewed"
    /** So many diameters of a particle in the middle of the sizes fit into the window. */
    private static final double FIELD = 12

    final ImagePlus image
    final Map<Integer, String> groups
    private final List<Roi> particles
    private final Roi selection
    private final Map<Integer, Closure> undo = [:]
    private int at = -1
    private double magnification
    int kept, deleted, regrouped

    static GoldReview of(ImagePlus image) {
        def owner = new GoldOwner(image)
        def manager = GoldRois.inManager().findAll { Roi roi -> owner.shows(roi) }
        def found = (manager ?: GoldRois.inOverlay(image).findAll { Roi roi -> owner.shows(roi) })
        if (found.empty) throw new GoldError("$image.title shows no particles; detect the gold or open its results first.")
        def particles = found.findAll { Roi roi -> roi.getProperty("gd_id") != null && GoldVisible.isVisible(roi) }
        if (particles.empty) throw new GoldError("$image.title shows its particles as points, or hides them; to review them, " +
            "show them as ovals (gd_shape=ovals), or all of them (Show Gold Group...).")
        new GoldReview(image, particles)
    }

    private GoldReview(ImagePlus image, List<Roi> particles) {
        this.image = image
        selection = image.roi == null || GoldOwner.isParticle(image.roi) ? null : image.roi
        this.particles = particles.sort(false) { Roi roi -> score(roi) }
        def present = particles.collect { Roi roi -> roi.group } as Set<Integer>
        groups = GoldGroups.labels().findAll { int number, String label -> present.contains(number) || GoldGroups.isSize(label) } as Map<Integer, String>
    }

    int getCount() {
        particles.size()
    }

    int getReviewed() {
        particles.count { Roi roi -> roi.getProperty(REVIEWED) != null } as int
    }

    /** Forgets what has been reviewed. */
    void restart() {
        particles.each { Roi roi -> roi.setProperty(REVIEWED, null) }
    }

    /** The particle that is looked at; null at the end. */
    Roi getParticle() {
        at >= 0 && at < particles.size() ? particles[at] : null
    }

    /** Its number in the order of the review, from 1. */
    int getPlace() {
        at + 1
    }

    /** Goes to the next particle that has not been reviewed; says whether there is one. */
    boolean next() {
        for (at++; at < particles.size(); at++) {
            if (particles[at].getProperty(REVIEWED) != null) continue
            def there = find(particles[at])
            if (there == null) continue
            particles[at] = there
            present()
            return true
        }
        finish()
        false
    }

    /** Gives the image back the selection that it had: that of a particle is no region that was proof-read. */
    void finish() {
        if (image.window == null) return
        if (selection == null) image.deleteRoi() else image.setRoi(selection)
    }

    /** Goes back to the particle before, and takes back what was decided about it; says whether there is one. */
    boolean back() {
        def before = undo.keySet().findAll { int i -> i < at }.max()
        if (before == null) return false
        particles[before].setProperty(REVIEWED, null)
        undo.remove(before).call()
        at = before
        present()
        true
    }

    void keep() {
        kept++
        reviewed { kept-- }
    }

    void delete() {
        def roi = particle, twin = drawn(roi), manager = GoldRoiManager.find(false)
        int listed = manager == null ? -1 : manager.getRoiIndex(roi), place = at
        image.deleteRoi()
        if (twin != null) GoldRoiManager.removeFrom(image.overlay, twin)
        if (listed >= 0) GoldRoiManager.on(image) { manager.delete(listed) }
        image.draw()
        deleted++
        reviewed {
            deleted--
            // The manager makes a copy of what it gets.
            def again = listed >= 0 ? GoldRoiManager.putBack(manager, image, roi) : roi
            particles[place] = again
            if (twin == null) return
            if (image.overlay == null) image.overlay = new Overlay()
            image.overlay.add(twin.is(roi) ? again : twin)
        }
    }

    /** Puts the particle into another size group. */
    void regroup(int number) {
        def roi = particle, colour = roi.strokeColor, before = GoldGroups.of(roi)
        int old = roi.group
        setGroup(roi, number, colourOf(number), before, groups[number])
        regrouped++
        reviewed {
            setGroup(roi, old, colour, groups[number], before)
            regrouped--
        }
    }

    /** Adds a size group such as 18nm; gives its number. */
    int addGroup(String label) {
        int number = GoldGroups.numbers([label], GoldRois.inManager().findAll { Roi roi -> !GoldOwner.isParticle(roi) })[label]
        groups[number] = label
        number
    }

    Color colourOf(int number) {
        def known = particles.find { Roi roi -> roi.group == number && roi.strokeColor != null }
        known == null ? GoldGroups.colour(number) : known.strokeColor
    }

    /** What was done, in one line. */
    String getSummary() {
        int left = count - reviewed
        "${kept + deleted + regrouped} particles reviewed: $kept kept, $deleted deleted, $regrouped regrouped; ${left > 0 ? left : 'none'} left"
    }

    static double score(Roi roi) {
        def score = roi.getProperty("gd_score")
        score == null ? Double.POSITIVE_INFINITY : score.toDouble()
    }

    private void reviewed(Closure takeBack) {
        particle.setProperty(REVIEWED, "yes")
        undo[at] = takeBack
    }

    private void setGroup(Roi roi, int number, Color colour, String before, String label) {
        def name = roi.name?.startsWith(before + "-") ? label + roi.name.substring(before.length()) : roi.name
        [roi, drawn(roi)].unique { Roi one -> System.identityHashCode(one) }.each { Roi one ->
            if (one == null) return
            one.group = number
            one.strokeColor = colour
            one.setProperty("gd_group", label)
            one.name = name
        }
        def manager = GoldRoiManager.find(false)
        int listed = manager == null ? -1 : manager.getRoiIndex(roi)
        if (listed >= 0) manager.rename(listed, name)
        image.draw()
    }

    /** The particle as it is now: somebody may have replaced it meanwhile, or deleted it. */
    private Roi find(Roi roi) {
        def manager = GoldRoiManager.find(false)
        if (manager != null && manager.getRoiIndex(roi) >= 0) return roi
        GoldRois.inManager().find { Roi one -> isTwin(one, roi) } ?: drawn(roi)
    }

    /** The ROI that stands for it in the overlay; null for none. */
    private Roi drawn(Roi roi) {
        def overlay = GoldRois.inOverlay(image)
        overlay.find { Roi one -> one.is(roi) } ?: overlay.find { Roi one -> isTwin(one, roi) }
    }

    private static boolean isTwin(Roi one, Roi other) {
        ["gd_id", "gd_run", "gd_image"].every { String key -> one.getProperty(key) == other.getProperty(key) }
    }

    private void present() {
        def roi = particle, manager = GoldRoiManager.find(false)
        if (roi.hasHyperStackPosition()) image.setPosition(roi.CPosition ?: 1, roi.ZPosition ?: 1, roi.TPosition ?: 1)
        else if (roi.position > 0 && image.stackSize > 1) image.slice = roi.position
        show(roi)
        int listed = manager == null ? -1 : manager.getRoiIndex(roi)
        GoldRoiManager.on(image) {
            if (listed >= 0) manager.selectAndMakeVisible(image, listed)
            else image.setRoi(roi)
        }
    }

    /**
     * Brings a particle to the middle of the window, large enough to judge it, and all of them equally large: sizes are to
     * be compared. The user may zoom on the way.
     */
    private void show(Roi roi) {
        def canvas = image.canvas, box = roi.floatBounds
        if (magnification > 0) magnification = canvas.magnification
        else magnification = Math.max(Math.min(canvas.width, canvas.height) / (FIELD * Math.max(middleSize(), 4d)), canvas.magnification)
        int width = Math.max(1, (int) (canvas.width / magnification)), height = Math.max(1, (int) (canvas.height / magnification))
        canvas.sourceRect = new Rectangle((int) (box.centerX - width / 2d), (int) (box.centerY - height / 2d), width, height)
    }

    private double middleSize() {
        def sizes = particles.collect { Roi roi -> roi.floatBounds.width }.sort() as List<Double>
        sizes[sizes.size().intdiv(2)]
    }
}
