import groovy.transform.CompileStatic
import ij.ImagePlus
import ij.gui.EllipseRoi
import ij.gui.ImageRoi
import ij.gui.Overlay
import ij.gui.PointRoi
import ij.gui.Roi
import ij.gui.RotatedRectRoi
import ij.gui.TextRoi
import java.awt.Color
import java.lang.reflect.Array

/** Particles as ROIs of an image, many at once, and ROIs back as columns. Whose a ROI is: see GoldOwner. */
@CompileStatic
class GoldRois {

    private static final int MOST_OVALS = 100_000
    private static final List<String> PLACES = ["ROI Manager and overlay", "ROI Manager", "overlay", "none"]
    private static final List<String> SHAPES = ["auto", "ovals", "points"]

    /**
     * Shows particles on an image in place of those that it showed before; on a stack those of its current slice.
     *
     * @param answer the engine's, with the columns of particles
     * @param show where: "ROI Manager and overlay", "ROI Manager", "overlay" or "none"
     * @param shape as "ovals" of their true size, or "points", one ROI for each size group; "auto" takes points for very many
     * @return what there is to say about it; mostly nothing
     */
    static String show(ImagePlus image, Map answer, String show, String shape) {
        def place = show ?: PLACES[0], form = shape ?: SHAPES[0]
        if (!PLACES.contains(place)) throw new GoldError("gd_show=$place: choose one of ${PLACES.join(', ')}")
        if (!SHAPES.contains(form)) throw new GoldError("gd_shape=$form: choose one of ${SHAPES.join(', ')}")
        if (place == "none") return ""
        def wanted = place.startsWith("ROI Manager")
        def manager = GoldRoiManager.find(wanted)
        List<String> said = []
        if (manager == null && wanted) said << "ImageJ runs without windows, and so without its ROI Manager; the particles are in the overlay."
        def made = make(image, answer, form, own(image))
        // Where the manager holds the particles, the overlay gets the very same objects, so that an edit is one of both.
        def held = manager == null ? made : GoldRoiManager.fill(manager, image, wanted ? made : [], said)
        own(image).each { Roi roi -> roi.setProperty("gd_own", "yes") }
        if (place.endsWith("overlay") || manager == null) setOverlay(image, wanted ? held : made)
        else setOverlay(image, [])
        if (answer.run) GoldOwner.show(image, answer.run.toString())
        if (wanted && manager != null) GoldRoiManager.display(manager, image, place.endsWith("overlay"))
        said.join(" ")
    }

    /**
     * The ROIs that stand for an image's particles, as people have left them; on a stack, those of the current slice.
     *
     * By themselves these are the image's in the ROI Manager, with what was added there; where it has none, the image's in
     * its overlay, with what was added; where there are none either, all in the manager but those of other open images;
     * and else all in the overlay.
     *
     * @param where "auto" or "", "ROI Manager" or "overlay"
     */
    static List<Roi> of(ImagePlus image, String where = "auto") {
        def owner = new GoldOwner(image)
        switch (where ?: "auto") {
            case "ROI Manager":
                if (GoldRoiManager.find(false) == null) throw new GoldError("gd_rois=$where: it is not open; take gd_rois=overlay, or name a RoiSet.zip")
                return owner.marks(inManager()) ?: others(inManager(), owner, image)
            case "overlay":
                return owner.marks(inOverlay(image)) ?: others(inOverlay(image), owner, image)
            case "auto":
                return owner.marks(inManager()) ?: owner.marks(inOverlay(image)) ?: others(inManager(), owner, image) ?: others(inOverlay(image), owner, image)
            default:
                throw new GoldError("gd_rois=$where: choose 'ROI Manager', 'overlay' or 'auto', or name a RoiSet.zip")
        }
    }

    private static List<Roi> own(ImagePlus image) {
        (inManager() + inOverlay(image)).findAll { Roi roi -> !GoldOwner.isParticle(roi) }
    }

    static List<Roi> inManager() {
        def manager = GoldRoiManager.find(false)
        manager == null ? new ArrayList<Roi>() : manager.roisAsArray.toList()
    }

    static List<Roi> inOverlay(ImagePlus image) {
        image.overlay == null ? new ArrayList<Roi>() : image.overlay.toArray().toList()
    }

    private static List<Roi> others(List<Roi> rois, GoldOwner owner, ImagePlus image) {
        def owners = GoldImage.open().findAll { ImagePlus open -> !open.is(image) }.collect { ImagePlus open -> new GoldOwner(open) }
        rois.findAll { Roi roi -> owner.isHere(roi) && !owners.any { GoldOwner other -> GoldOwner.isParticle(roi) && other.owns(roi) } }
    }

    /** Puts particles into an overlay in place of those of its current slice; what else is there stays in front. */
    private static void setOverlay(ImagePlus image, List<Roi> particles) {
        def owner = new GoldOwner(image)
        def before = image.overlay, overlay = before == null ? new Overlay() : before.create()
        if (before == null) overlay.drawLabels(false)
        inOverlay(image).each { Roi roi -> if (!isReplaced(roi, owner)) overlay.add(roi) }
        particles.each { Roi roi -> overlay.add(roi) }
        if (before != null || overlay.size() > 0) image.overlay = overlay.size() == 0 ? null : overlay
    }

    /** An image's overlay can hold no other image's particles, but those of a run that it does not remember. */
    private static boolean isReplaced(Roi roi, GoldOwner owner) {
        GoldOwner.isParticle(roi) && owner.isHere(roi)
    }

    private static List<Roi> make(ImagePlus image, Map answer, String shape, Collection<Roi> own) {
        def group = texts(answer.group), x = numbers(answer.x), y = numbers(answer.y), area = numbers(answer.area)
        def labels = (texts(answer.groups).toList() + group.toList().unique(false)).unique()
        def number = GoldGroups.numbers(labels, own)
        def colour = GoldGroups.colours(labels, texts(answer.colours).toList())
        GoldGroups.teach(number, colour)
        def run = answer.run?.toString(), id = numbers(answer.id), score = numbers(answer.score)
        boolean points = shape == "points" || shape == "auto" && x.length > MOST_OVALS
        List<Roi> made = points ? labels.collectMany { String label -> pointsOf(x, y, group, label) } : new ArrayList<Roi>(x.length)
        if (!points) for (int i = 0; i < x.length; i++) made.add(oval(x[i], y[i], area[i], id[i], score[i], group[i]))
        boolean stack = image.stackSize > 1
        for (Roi roi : made) {
            def label = roi.getProperty("gd_group")
            roi.group = number[label]
            // After the group, which would have brought Fiji's own colour.
            roi.strokeColor = colour[label]
            if (run) roi.setProperty("gd_run", run) else roi.setProperty("gd_image", image.title)
            if (stack) roi.setPosition(image)
        }
        made
    }

    private static Roi oval(double x, double y, double area, double id, double score, String group) {
        double radius = Math.sqrt(area / Math.PI)
        // Area ROIs put a pixel's corner at whole numbers, points its centre. What has no size can only be a point.
        Roi roi = radius > 0 ? new GoldOval(x + 0.5d - radius, y + 0.5d - radius, 2 * radius) : new PointRoi(x, y, "medium circle")
        def number = Long.toString((long) id)
        roi.name = group + "-" + "000000".substring(Math.min(number.length(), 6)) + number
        roi.setProperty("gd_id", number)
        roi.setProperty("gd_group", group)
        if (!Double.isNaN(score)) roi.setProperty("gd_score", decimals(score))
        roi
    }

    /** Four decimals; String.format takes a second for 50,000 numbers, and a decimal comma in some countries. */
    private static String decimals(double score) {
        long scaled = Math.round(score * 10000)
        Long.toString(Math.floorDiv(scaled, 10000L)) + "." + Long.toString(10000 + Math.floorMod(scaled, 10000L)).substring(1)
    }

    /** All particles of a group as one ROI; nothing where there are none. */
    private static List<Roi> pointsOf(double[] x, double[] y, String[] group, String label) {
        def xs = new float[x.length], ys = new float[x.length]
        int count = 0
        for (int i = 0; i < x.length; i++) {
            if (group[i] != label) continue
            xs[count] = (float) x[i]
            ys[count++] = (float) y[i]
        }
        if (count == 0) return []
        def roi = new PointRoi(xs, ys, count)
        roi.setOptions("medium circle nolabel")
        roi.name = label
        roi.setProperty("gd_group", label)
        [(Roi) roi]
    }

    /**
     * ROIs as columns for the engine: one row each, and one for each point of a multi-point.
     *
     * @param image for the slices of a hyperstack
     */
    static Map<String, Object> columns(Collection<Roi> rois, ImagePlus image = null) {
        int rows = 0
        for (Roi roi : rois) rows += roi instanceof PointRoi ? roi.size() : 1
        double[] left = new double[rows], top = new double[rows], width = new double[rows], height = new double[rows]
        int[] group = new int[rows], position = new int[rows]
        def names = ["kind", "name", "label", "gd_id", "gd_group", "gd_run", "gd_score"]
        def texts = names.collectEntries { String name -> [name, new String[rows]] } as Map<String, String[]>
        def labels = GoldGroups.labels(), owner = image == null ? null : new GoldOwner(image)
        int row = 0
        for (Roi roi : rois) {
            def many = roi instanceof PointRoi
            def box = many ? null : box(roi)
            def corners = many ? roi.floatPolygon : null
            def said = [kind(roi), roi.name, labels[roi.group], roi.getProperty("gd_id"), roi.getProperty("gd_group"), roi.getProperty("gd_run"), roi.getProperty("gd_score")]
            int slice = owner == null ? Math.max(roi.position, 0) : owner.slice(roi)
            int count = many ? corners.npoints : 1
            for (int i = 0; i < count; i++, row++) {
                left[row] = many ? corners.xpoints[i] : box[0]
                top[row] = many ? corners.ypoints[i] : box[1]
                width[row] = many ? 0d : box[2]
                height[row] = many ? 0d : box[3]
                group[row] = roi.group
                position[row] = slice == 0 && roi instanceof PointRoi ? Math.max(((PointRoi) roi).getPointPosition(i), 0) : slice
                for (int k = 0; k < names.size(); k++) texts[names[k]][row] = said[k] ?: ""
            }
        }
        Map<String, Object> columns = [left: left, top: top, width: width, height: height, group: group, position: position]
        columns.putAll(texts)
        columns
    }

    /** Left, top, width and height; of what is tilted, a box about its centre that has its length and its width. */
    private static double[] box(Roi roi) {
        if (!(roi instanceof EllipseRoi || roi instanceof RotatedRectRoi)) {
            def bounds = roi.floatBounds
            return [bounds.x, bounds.y, bounds.width, bounds.height] as double[]
        }
        double[] p = roi instanceof EllipseRoi ? ((EllipseRoi) roi).params : ((RotatedRectRoi) roi).params
        double length = Math.hypot(p[2] - p[0], p[3] - p[1]), across = roi instanceof EllipseRoi ? p[4] * length : p[4]
        [(p[0] + p[2] - length) / 2, (p[1] + p[3] - across) / 2, length, across] as double[]
    }

    private static String kind(Roi roi) {
        if (roi instanceof TextRoi) return "text"
        if (roi instanceof ImageRoi) return "image"
        if (roi instanceof EllipseRoi) return "ellipse"
        if (roi instanceof RotatedRectRoi) return "rotated rectangle"
        switch (roi.type) {
            case Roi.RECTANGLE: return "rectangle"
            case Roi.OVAL: return "oval"
            case Roi.POLYGON: return "polygon"
            case Roi.FREEROI: return "freehand"
            case Roi.TRACED_ROI: return "traced"
            case Roi.COMPOSITE: return "composite"
            case Roi.POINT: return "point"
            default: return "line"
        }
    }

    /** A column as numbers: from this process an array, from another a list. */
    static double[] numbers(Object column) {
        if (column instanceof double[]) return (double[]) column
        def list = listed(column), numbers = new double[list.size()]
        for (int i = 0; i < numbers.length; i++) numbers[i] = list[i] == null ? Double.NaN : ((Number) list[i]).doubleValue()
        numbers
    }

    static String[] texts(Object column) {
        if (column instanceof String[]) return (String[]) column
        def list = listed(column), texts = new String[list.size()]
        for (int i = 0; i < texts.length; i++) texts[i] = list[i]?.toString() ?: ""
        texts
    }

    private static List listed(Object column) {
        if (column == null) return []
        if (column instanceof Collection) return new ArrayList((Collection) column)
        (0..<Array.getLength(column)).collect { int i -> Array.get(column, i) }
    }
}
