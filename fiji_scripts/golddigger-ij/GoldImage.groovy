import groovy.transform.CompileStatic
import ij.IJ
import ij.ImagePlus
import ij.WindowManager
import ij.gui.Roi
import ij.gui.ShapeRoi
import ij.macro.Interpreter
import ij.process.ByteProcessor
import ij.process.ColorProcessor
import ij.process.ImageProcessor
import ij.process.LUT
import java.lang.reflect.Array

/** An open image as the engine wants to have it: where its file is, what is shown, its pixel size and selection. */
class GoldImage {

    private static final int SAMPLED_ROWS = 24
    /** Share of the steps of a LUT that go one way. */
    private static final double RAMP = 0.9
    private static final Map TYPES = [(byte[]): "uint8", (short[]): "uint16", (float[]): "float32", (int[]): "rgb"].asImmutable()
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
        // The macro's own may have no window, as in IJ.run(image, command, options).
        def selected = GoldMacro.image()
        if (selected != null) return selected
        if (open.empty) throw new GoldError("No image is open; open the montage first.")
        if (open.size() == 1) return open[0]
        def hidden = IJ.instance == null || Interpreter.batchMode
        def image = hidden ? null : WindowManager.currentWindow?.imagePlus ?: WindowManager.currentImage
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
        int height = image.height, count = Math.min(SAMPLED_ROWS, height)
        def sampled = (0..<count).collect { (int) ((it + 0.5) * height / count) } as int[]
        def sample = rows(processor.pixels, image.width, sampled)
        // The colours of a LUT are not in a file of grey values.
        if (!processor.colorLut) sample = upright(processor, sample)
        [title: image.title, path: path(image), plane: image.stackSize > 1 ? image.currentSlice : null, width: image.width,
         height: height, type: TYPES[processor.pixels.class], nm_per_px: nmPerPixel(image), rows: sampled, sample: sample,
         changed: image.changes, run: GoldOwner.run(image)]
    }

    /** All pixels of what is shown, as entries of the description: byte[], short[], float[], or int[] of red, green and blue. */
    static Map pixels(ImagePlus image) {
        def processor = image.getProcessor()
        if (processor instanceof ByteProcessor && processor.colorLut && !isRamp(processor.lut)) processor = processor.convertToRGB()
        [type: TYPES[processor.pixels.class], pixels: upright(processor, processor.pixels)]
    }

    /** Whether a LUT goes from dark to light or back, as those that are there to be looked at; the colours of a palette jump. */
    private static boolean isRamp(LUT lut) {
        def steps = (1..255).collect { brightness(lut, it) - brightness(lut, it - 1) }
        Math.max(steps.count { it >= 0 }, steps.count { it <= 0 }) >= RAMP * steps.size()
    }

    private static double brightness(LUT lut, int index) {
        0.299 * lut.getRed(index) + 0.587 * lut.getGreen(index) + 0.114 * lut.getBlue(index)
    }

    /** Pixels as bright as they are shown: by their grey LUT, or turned round where a LUT goes from white to black. */
    private static Object upright(ImageProcessor processor, Object pixels) {
        if (processor instanceof ColorProcessor) return pixels
        def lut = processor.lut
        if (pixels instanceof byte[] && !processor.colorLut) return looked((byte[]) pixels, (0..255).collect { lut.getRed(it) } as int[])
        brightness(lut, 0) - brightness(lut, 255) < 128 ? pixels : turned(pixels)
    }

    @CompileStatic
    private static byte[] looked(byte[] pixels, int[] greys) {
        if (Arrays.equals(greys, (0..255) as int[])) return pixels
        def values = new byte[pixels.length]
        for (int i = 0; i < values.length; i++) values[i] = (byte) greys[pixels[i] & 0xff]
        values
    }

    @CompileStatic
    private static Object turned(Object pixels) {
        if (pixels instanceof float[]) {
            def values = ((float[]) pixels).clone()
            for (int i = 0; i < values.length; i++) values[i] = -values[i]
            return values
        }
        if (pixels instanceof short[]) {
            def values = ((short[]) pixels).clone()
            for (int i = 0; i < values.length; i++) values[i] = (short) ~values[i]
            return values
        }
        def values = ((byte[]) pixels).clone()
        for (int i = 0; i < values.length; i++) values[i] = (byte) ~values[i]
        values
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

    private static String path(ImagePlus image) {
        def info = image.originalFileInfo
        if (info == null || !info.fileName) return null
        def file = new File(info.directory ?: "", info.fileName)
        file.file ? file.absolutePath : null
    }

    private static Object rows(Object pixels, int width, int[] rows) {
        def sample = Array.newInstance(pixels.class.componentType, width * rows.length)
        rows.eachWithIndex { row, i -> System.arraycopy(pixels, row * width, sample, i * width, width) }
        sample
    }
}
