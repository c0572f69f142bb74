import groovy.transform.CompileStatic
import ij.ImagePlus
import ij.gui.Roi
import java.awt.Color

/** Which particles can be seen. One that is hidden keeps its place in ROI Manager and overlay, and its colour; it is only transparent. */
@CompileStatic
class GoldVisible {

    static boolean isVisible(Roi roi) {
        roi.strokeColor == null || roi.strokeColor.alpha > 0
    }

    /**
     * Shows an image's particles of one size group, and hides the others.
     *
     * @param group its label; "all" or "" for every group
     * @param leastScore those with a lower score are hidden, too; "" for none
     * @return one line of what can be seen now
     */
    static String show(ImagePlus image, String group, String leastScore) {
        double least = number(leastScore)
        def owner = new GoldOwner(image)
        def particles = GoldRoiManager.identities((GoldRois.inManager() + GoldRois.inOverlay(image)).findAll { Roi roi -> owner.shows(roi) })
        if (particles.empty) throw new GoldError("$image.title shows no particles; detect the gold or open its results first.")
        def all = !group || group == "all"
        def labels = particles.collect { Roi roi -> GoldGroups.of(roi) }.unique().sort { String label -> label.padLeft(12) }
        if (!all && !labels.contains(group)) throw new GoldError("gd_group=$group: there is no such group; there are ${labels.join(', ')}, or 'all'")
        // What is in the manager and in the overlay as two ROIs is one particle.
        Set<String> seen = [], known = []
        for (Roi roi : particles) {
            def score = roi.getProperty("gd_score")
            boolean shown = (all || GoldGroups.of(roi) == group) && (score == null || score.toDouble() >= least)
            def colour = roi.strokeColor ?: Roi.color
            roi.strokeColor = new Color(colour.red, colour.green, colour.blue, shown ? 255 : 0)
            def name = roi.getProperty("gd_id") ?: roi.name
            known << name
            if (shown) seen << name
        }
        image.draw()
        "${seen.size()} of ${known.size()} ${particles.first().getProperty('gd_id') == null ? 'groups of points' : 'particles'} shown".toString()
    }

    private static double number(String leastScore) {
        if (!leastScore) return 0
        double least = leastScore.double ? leastScore.toDouble() : Double.NaN
        if (!(least >= 0 && least <= 1)) throw new GoldError("gd_least_score=$leastScore: give a number from 0 to 1")
        least
    }
}
