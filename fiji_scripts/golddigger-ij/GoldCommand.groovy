import ij.IJ
import ij.ImagePlus
import ij.Macro
import ij.WindowManager
import ij.gui.GenericDialog
import ij.gui.ShapeRoi
import ij.gui.PolygonRoi
import ij.gui.Roi
import ij.measure.ResultsTable
import java.util.concurrent.Callable
import java.util.concurrent.ExecutionException
import java.util.concurrent.FutureTask
import java.util.function.Consumer
import org.scijava.Context
import org.scijava.script.ScriptModule
import org.scijava.service.Service

/** One run of a menu command: its options, the engine's answers, progress, Esc, and what is said when something is wrong. */
class GoldCommand {

    final Context context
    final String name
    private final ScriptModule script
    private final File home
    private Map<String, Object> inputs = [:]

    /**
     * @param script the script; its parameters are the command's inputs
     * @param home the folder of these classes
     */
    GoldCommand(ScriptModule script, File home) {
        this.script = script
        this.home = home
        context = script.context
        name = script.info.menuPath.leaf?.name ?: "Gold Digger"
    }

    /** Does the work of a command, which is handed to it. What goes wrong is said, and stops the macro that called. */
    void run(Consumer<GoldCommand> work) {
        try {
            inputs = read(script)
            work.accept(this)
        } catch (Throwable error) {
            // Jython wraps what a script throws.
            def known = [error, error.cause].find { it instanceof GoldError }
            if (known == null) error.printStackTrace()
            fail(name, known?.message ?: "an error of the script itself ($error); please report it")
        } finally {
            IJ.showProgress(1.0)
        }
    }

    /** Whether there is nobody to ask: a macro has called, or ImageJ has no windows. */
    static boolean isUnattended() {
        IJ.instance == null || IJ.isMacro() || GoldMacro.options() != null
    }

    private static Map<String, Object> read(ScriptModule script) {
        def known = script.inputs.findAll { it.key.startsWith("gd_") && !(it.value instanceof Service) }
        def given = GoldMacro.parse(GoldMacro.options())
        given.keySet().findAll { !known.containsKey(it) }.each { throw new GoldError(unknown(it, known.keySet())) }
        known.collectEntries { key, value -> [key, given[key] == true ? true : value] }
    }

    /** A parameter as text, trimmed; "" where it is empty. */
    String text(String key) {
        inputs[key]?.toString()?.trim() ?: ""
    }

    /** The image that the command is for. */
    ImagePlus image() {
        GoldImage.find(text("gd_image"))
    }

    /**
     * Asks the engine while ImageJ shows how far it is. Esc, and closing the image, stop it.
     *
     * @param op the engine's operation; its options are the command's inputs
     * @param image the image that it is about, or null
     * @param more what else the request holds
     * @return the answer
     */
    Map ask(String op, ImagePlus image = null, Map more = [:]) {
        def request = [protocol: 1, op: op, options: options()] + more
        if (image != null) request.image = GoldImage.describe(image)
        def answer = answer(request, image)
        if (answer.needs == "pixels") {
            request.image.pixels = GoldImage.pixels(image)
            answer = this.answer(request, image)
        }
        if (answer.asks == "pixel_size" && !unattended && askPixelSize(image, answer)) return ask(op, image, more)
        if (!answer.ok) {
            if (answer.traceback) System.err.println(answer.traceback)
            throw new GoldError(answer.error.toString())
        }
        if (answer.warning) IJ.log("$name: $answer.warning")
        answer
    }

    /** Shows the particles of an answer, as the inputs gd_show and gd_shape say, and in their table. */
    void show(ImagePlus image, Map answer) {
        def said = shared("GoldRois").show(image, answer, text("gd_show"), text("gd_shape"))
        if (said) IJ.log("$name: $said")
        shared("GoldTable").show(image, answer)
    }

    /** Goes through the particles of an image in a window of its own, which stays open. */
    void review(ImagePlus image) {
        shared("GoldReviewWindow").open(image, this.&say)
    }

    /** Lets only those particles be seen that the inputs gd_group and gd_least_score say. */
    void showGroup(ImagePlus image) {
        say(shared("GoldVisible").show(image, text("gd_group"), text("gd_least_score")))
    }

    /** The ROIs of an image as people have left them, for the engine; null where there are none, or a file has them. */
    Map rois(ImagePlus image) {
        if (text("gd_rois") ==~ /(?i).+\.(zip|roi|tiff?)/) return null
        def left = shared("GoldRois").of(image, text("gd_rois"))
        if (left.empty && GoldOwner.run(image) == null) return null
        if (left.empty && !unattended && !IJ.showMessageWithCancel(name.replace("...", ""), "No ROI is left of $image.title.\nDo you mean that there is no gold at all?"))
            throw new GoldError("Nothing was done; open the results again, or undo what you deleted.")
        shared("GoldRois").columns(left, image)
    }

    /**
     * The selections that a request is limited to; null for the whole image. A particle that was picked in the ROI Manager,
     * or has just been added there, is no region.
     */
    List regions(ImagePlus image) {
        def selection = image.roi
        if (text("gd_region") == "whole image" || selection == null || GoldOwner.isParticle(selection)) return null
        if (shared("GoldRois").of(image).any { it.equals(selection) }) return null
        GoldImage.regions(image)
    }

    /** Compiles what a command needs once it has its answer; that takes seconds the first time. */
    void prepare() {
        ["GoldTable", "GoldReviewWindow"].each { shared(it) }
    }

    /** By name: a class that is named in another one is compiled with it, before a command can begin. */
    private static Class shared(String name) {
        GoldCommand.classLoader.loadClass(name)
    }

    /** What a script throws when the user has to put something right. */
    GoldError error(String message) {
        new GoldError(message)
    }

    /** The image that an answer is about: the one that is open, or else opened from its file. */
    ImagePlus imageOf(Map answer) {
        def open = GoldImage.open().find { it.originalFileInfo != null && answer.image_path != null &&
            new File(it.originalFileInfo.directory ?: "", it.originalFileInfo.fileName ?: "") == new File(answer.image_path) }
        if (open != null) return open
        if (answer.image_path == null) return image()
        def image = IJ.openImage(answer.image_path)
        if (image == null) throw new GoldError("$answer.image_path: ImageJ cannot open it; open the montage yourself, and run this again")
        image.show()
        if (answer.plane) image.setSlice((int) answer.plane)
        image
    }

    /** Makes polygons the selection of an image. */
    void select(ImagePlus image, List<Map> regions) {
        def parts = (regions ?: []).collectMany { it.rings }.collect { ring ->
            def corners = (ring as double[]) as List
            def xs = corners.withIndex().findAll { it[1] % 2 == 0 }.collect { it[0] + 0.5 } as float[]
            def ys = corners.withIndex().findAll { it[1] % 2 == 1 }.collect { it[0] + 0.5 } as float[]
            new PolygonRoi(xs, ys, Roi.POLYGON)
        }
        if (parts.empty) return
        image.setRoi(parts.size() == 1 ? parts[0] : parts.tail().inject(new ShapeRoi(parts[0])) { all, part -> all.xor(new ShapeRoi(part)) })
    }

    /** Adds a row to a results table of its own name; to the log where there are no windows. */
    void table(String title, Map<String, Object> row) {
        if (IJ.instance == null) {
            IJ.log("$title: " + row.findAll { it.value != null && it.value != "" }.collect { key, value -> "$key $value" }.join(", "))
            return
        }
        def table = ResultsTable.getResultsTable(title) ?: new ResultsTable()
        table.incrementCounter()
        row.each { key, value -> value instanceof Number ? table.addValue(key, value as double) : table.addValue(key, value?.toString() ?: "") }
        table.show(title)
    }

    /** One line for the status bar, and for the log where there are no windows. */
    void say(Object message) {
        IJ.showStatus(message.toString())
        if (IJ.instance == null) IJ.log(message.toString())
    }

    private Map options() {
        inputs.collectEntries { key, value -> [key.substring(3), value instanceof File ? value.path : value] }
    }

    private Map answer(Map request, ImagePlus image) {
        def progress = new GoldProgress(name.replace("...", ""))
        def task = new FutureTask({ GoldEngine.answer(context, home, request, progress) } as Callable)
        Thread.startDaemon("Gold Digger classes") { shared("GoldTable") }
        def shown = image != null && WindowManager.getImage(image.ID) != null
        IJ.resetEscape()
        def thread = new Thread(task, "Gold Digger engine")
        thread.daemon = true
        thread.contextClassLoader = GoldCommand.classLoader
        thread.start()
        try {
            while (!task.done) {
                progress.show()
                // The engine may need a moment more to notice; nobody has to wait for that.
                if (IJ.escapePressed()) throw new GoldError("Stopped; the image is as it was.")
                if (shown && WindowManager.getImage(image.ID) == null) throw new GoldError("Stopped: the image was closed.")
                Thread.sleep(20)
            }
            return task.get()
        } catch (InterruptedException stopped) {
            throw new GoldError("Stopped; the image is as it was.")
        } catch (ExecutionException error) {
            throw error.cause
        } finally {
            progress.cancel()
        }
    }

    /** Asks for the pixel size that an image lacks; says whether there is one now. */
    private boolean askPixelSize(ImagePlus image, Map answer) {
        def dialog = new GenericDialog(name.replace("...", ""))
        dialog.addMessage(answer.error.toString().replaceAll("(.{60,80}) ", "\$1\n"))
        dialog.addNumericField("Pixel size", answer.offer == null ? Double.NaN : answer.offer as double, 4, 8, "nm")
        dialog.addCheckbox("Make it the image's scale", true)
        dialog.showDialog()
        if (dialog.wasCanceled()) return false
        double nm = dialog.nextNumber
        if (!(nm > 0)) return false
        inputs.gd_pixel_size = nm.toString()
        if (dialog.nextBoolean) {
            image.calibration.setUnit("nm")
            image.calibration.pixelWidth = image.calibration.pixelHeight = nm
            image.repaintWindow()
        }
        true
    }

    private static void fail(String name, String message) {
        IJ.showStatus("")
        try {
            // In a macro this stops it, and then throws on this thread too, where there is nothing left to stop.
            IJ.error(name.replace("...", ""), message)
        } catch (RuntimeException stopped) {
            if (stopped.message != Macro.MACRO_CANCELED) throw stopped
        }
        Macro.abort()
    }

    private static String unknown(String key, Collection<String> known) {
        def nearest = known.min { distance(key, it) }
        if (nearest == null) return "$key: this command takes no options"
        "$key: there is no such key; " + (distance(key, nearest) <= 4 ? "did you mean $nearest?" : "there are ${known.join(', ')}")
    }

    /** Levenshtein's distance: how many letters must be put in, left out or changed. */
    private static int distance(String a, String b) {
        def row = (0..b.length()).toList()
        a.eachWithIndex { letter, i ->
            def last = row
            row = [i + 1]
            b.eachWithIndex { other, j -> row << [row[j] + 1, last[j + 1] + 1, last[j] + (letter == other ? 0 : 1)].min() }
        }
        row[-1]
    }
}
