import groovy.transform.CompileStatic
import ij.ImagePlus
import ij.gui.Roi

/**
 * Whose a ROI is. A particle says with gd_run of which run it is, or with gd_image of which image where there was no run.
 * All other ROIs are the user's own, and stay. Those that were there before the particles came carry gd_own and stand for no
 * particle; those that the user adds later are particles that had been missed.
 */
@CompileStatic
class GoldOwner {

    private final ImagePlus image
    private final String title
    private final int current
    private final Map<Integer, String> runs = [:]

    GoldOwner(ImagePlus image) {
        this.image = image
        title = image.title
        current = image.stackSize > 1 ? image.currentSlice : 0
    }

    /** The run last shown on an image, on a stack that of its current slice; null for none. */
    static String run(ImagePlus image) {
        image.getProp(image.stackSize > 1 ? slot(image.currentSlice) : "gd_run")
    }

    /** Notes the run that is shown on an image; the note is saved with its TIFF. */
    static void show(ImagePlus image, String run) {
        image.setProp("gd_run", run)
        if (image.stackSize > 1) image.setProp(slot(image.currentSlice), run)
    }

    static boolean isParticle(Roi roi) {
        roi.getProperty("gd_run") != null || roi.getProperty("gd_image") != null
    }

    /** Whether it is one of the image's particles. */
    boolean owns(Roi roi) {
        def run = roi.getProperty("gd_run")
        if (run == null) return roi.getProperty("gd_image") == title
        run == shown(0) || current > 0 && run == shown(slice(roi))
    }

    /** Whether it is one of the image's particles on its current slice. */
    boolean shows(Roi roi) {
        owns(roi) && isHere(roi)
    }

    /** Whether the user has added it to the image's particles. */
    boolean isAdded(Roi roi) {
        !isParticle(roi) && roi.getProperty("gd_own") == null && isHere(roi) && (roi.imageID == 0 || roi.imageID == image.ID)
    }

    /** The image's particles among some ROIs, with what was added to them; nothing where there are no particles. */
    List<Roi> marks(Collection<Roi> rois) {
        rois.any { Roi roi -> shows(roi) } ? rois.findAll { Roi roi -> shows(roi) || isAdded(roi) }.toList() : []
    }

    /** Whether it lies on the current slice, or on all. */
    boolean isHere(Roi roi) {
        int slice = slice(roi)
        slice == 0 || slice == current
    }

    /** The number of the slice in its stack, from 1; 0 for none. */
    int slice(Roi roi) {
        if (current == 0) return 0
        if (!roi.hasHyperStackPosition()) return Math.max(roi.position, 0)
        image.getStackIndex(Math.max(roi.CPosition, 1), Math.max(roi.ZPosition, 1), Math.max(roi.TPosition, 1))
    }

    /** Looked up once: an image searches all that it knows for a property that it does not have. */
    private String shown(int slice) {
        if (!runs.containsKey(slice)) runs[slice] = image.getProp(slice == 0 ? "gd_run" : slot(slice))
        runs[slice]
    }

    private static String slot(int slice) {
        "gd_run_" + slice
    }
}
