import ij.IJ
import ij.ImagePlus
import ij.WindowManager
import ij.gui.Roi
import ij.gui.ShapeRoi
import ij.macro.Interpreter
import java.lang.reflect.Array

/** An open image as the engine wants to have it: where its file is, what is shown, its pixel size and selection. */
class GoldImage {

    private static final int SAMPLED_ROWS = 24
    private static final Map NM = [nm: 1.0, nanometer: 1.0, nanometers: 1.0, nanometre: 1.0, "\u00b5m": 1e3, "\u03bcm": 1e3, um: 1e3,
        micron: 1e3, microns: 1e3, micrometer: 1e3, micrometre: 1e3, mm: 1e6, cm: 1e7, m: 1e9, inch: 2.54e7, inches: 2.54e7,
        "\u00c5": 0.1, "\u212b": 0.1, angstrom: 0.1, pm: 1e-3].asImmutable()

    /** The image by its title or ID, or else the one that the user or the macro is at. */
    static ImagePlus find(String wanted) {
        def open = open()
        if (wanted) {
            def named = open.find { it.title == wanted } ?: open.find { wanted.isInteger() && it.ID == wanted.toInteger() }
            if (named == null) throw new GoldError("gd_image=$wanted: no such image is open; " +
                (open ? "there are " + open*.title.join(", ") : "open the montage first"))
            return named
        }
        if (open.empty) throw new GoldError("No image is open; open the montage first.")
        if (open.size() == 1) return open[0]
        def hidden = IJ.instance == null || Interpreter.batchMode
        def image = GoldMacro.image() ?: (hidden ? null : WindowManager.currentWindow?.imagePlus ?: WindowManager.currentImage)
        if (image == null) throw new GoldError("Several images are open, and a macro without windows cannot tell which one " +
            "is meant; give gd_image=[TITLE] or gd_image=ID. There are " + open*.title.join(", "))
        image
    }

    static List<ImagePlus> open() {
        (WindowManager.IDList ?: [] as int[]).collect { WindowManager.getImage(it) }.findAll { it != null }
    }

    /** What the engine needs to know of an image. */
    static Map describe(ImagePlus image) {
        // Groovy's short form would call isProcessor().
        def processor = image.getProcessor()
        if (image.type == ImagePlus.COLOR_256) processor = processor.convertToRGB()
        int height = image.height, count = Math.min(SAMPLED_ROWS, height)
        def sampled = (0..<count).collect { (int) ((it + 0.5) * height / count) } as int[]
        [title: image.title, path: path(image), plane: image.stackSize > 1 ? image.currentSlice : null, width: image.width,
         height: height, type: type(image), nm_per_px: nmPerPixel(image), rows: sampled, sample: rows(processor.pixels, image.width, sampled),
         changed: image.changes, run: GoldOwner.run(image)]
    }

    /** All pixels of what is shown: byte[], short[], float[], or int[] of red, green and blue. */
    static Object pixels(ImagePlus image) {
        (image.type == ImagePlus.COLOR_256 ? image.getProcessor().convertToRGB() : image.getProcessor()).pixels
    }

    /** The selection as polygons, a pixel's centre at whole numbers; null where no area is selected. */
    static List<Map> regions(ImagePlus image) {
        def selection = image.roi
        if (selection == null || !selection.area) return null
        [[name: selection.name ?: "selection", rings: rings(selection)]]
    }

    static List<double[]> rings(Roi selection) {
        def parts = selection.type == Roi.COMPOSITE ? new ShapeRoi(selection).rois : [selection] as Roi[]
        parts.collect { part ->
            def corners = part.floatPolygon
            def ring = new double[2 * corners.npoints]
            for (int i = 0; i < corners.npoints; i++) {
                // ImageJ's area selections put a pixel's corner at whole numbers.
                ring[2 * i] = corners.xpoints[i] - 0.5
                ring[2 * i + 1] = corners.ypoints[i] - 0.5
            }
            ring
        }
    }

    /** Nanometres for each pixel by the image's calibration; null where it has none of use. */
    static Double nmPerPixel(ImagePlus image) {
        def calibration = image.calibration, unit = NM[calibration.unit?.trim()] ?: NM[calibration.unit?.trim()?.toLowerCase()]
        if (unit == null || !calibration.scaled()) return null
        double width = calibration.pixelWidth * unit, height = calibration.pixelHeight * unit
        // A printer's 72 dots per inch are no pixel size, and pixels that are not square are a slip.
        width >= 0.01 && width <= 1000 && Math.abs(width - height) <= 0.01 * width ? width : null
    }

    private static String type(ImagePlus image) {
        switch (image.type) {
            case ImagePlus.GRAY8: return "uint8"
            case ImagePlus.GRAY16: return "uint16"
            case ImagePlus.GRAY32: return "float32"
            default: return "rgb"
        }
    }

    private static String path(ImagePlus image) {
        def info = image.originalFileInfo
        if (info == null || !info.fileName || image.type == ImagePlus.COLOR_256) return null
        def file = new File(info.directory ?: "", info.fileName)
        file.file ? file.absolutePath : null
    }

    private static Object rows(Object pixels, int width, int[] rows) {
        def sample = Array.newInstance(pixels.class.componentType, width * rows.length)
        rows.eachWithIndex { row, i -> System.arraycopy(pixels, row * width, sample, i * width, width) }
        sample
    }
}
