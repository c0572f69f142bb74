import ij.IJ
import ij.ImagePlus
import ij.Macro
import ij.WindowManager
import ij.gui.GenericDialog
import ij.gui.ShapeRoi
import ij.gui.PolygonRoi
import ij.gui.Roi
import ij.measure.ResultsTable
import ij.plugin.frame.Recorder
import java.util.concurrent.Callable
import java.util.concurrent.ExecutionException
import java.util.concurrent.FutureTask
import java.util.function.Consumer
import org.scijava.Context
import org.scijava.script.ScriptModule
import org.scijava.service.Service
import org.scijava.thread.ThreadService

/** One run of a menu command: its options, the engine's answers, progress, Esc, and what is said when something is wrong. */
class GoldCommand {

    private static final int STATUS_MS = 500

    final Context context
    final String name
    private final ScriptModule script
    private final File home
    private Map<String, Object> inputs = [:]

    /**
     * @param context SciJava's services
     * @param name the menu command
     * @param script the script, whose parameters are the command's inputs; null where it has none
     * @param home the folder of these classes
     */
    GoldCommand(Context context, String name, ScriptModule script, File home) {
        this.context = context
        this.name = name
        this.script = script
        this.home = home
        GoldMacro.calledBy(context.getService(ThreadService).getParent(null))
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
            if (known?.stopped && !unattended) IJ.showStatus(known.message)
            else fail(name, known?.message ?: "an error of the script itself ($error); please report it")
        } finally {
            IJ.showProgress(1.0)
        }
    }

    /** Whether there is nobody to ask: a macro has called, or ImageJ has no windows. */
    static boolean isUnattended() {
        IJ.instance == null || IJ.isMacro() || GoldMacro.options() != null
    }

    private static Map<String, Object> read(ScriptModule script) {
        def known = script == null ? [:] : script.inputs.findAll { it.key.startsWith("gd_") && !(it.value instanceof Service) }
        def given = GoldMacro.parse(GoldMacro.options())
        given.keySet().findAll { !known.containsKey(it) }.each { throw new GoldError(unknown(it, known.keySet())) }
        // ImageJ2 takes what is neither true nor false for false, and cannot tell of a key without a value.
        known.collectEntries { key, value -> [key, given[key] == true || value instanceof Boolean && given[key] ? given[key] : value] }
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
            request.image.putAll(GoldImage.pixels(image))
            answer = this.answer(request, image)
        }
        if (answer.asks == "pixel_size" && !unattended) {
            unrecorded { askPixelSize(image, answer) }
            return ask(op, image, more)
        }
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
            throw new GoldError("Nothing was done; open the results again, or undo what you deleted.", true)
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

    /** Makes polygons the selection of an image: a list of regions, which comes as an array of texts where there are none. */
    void select(ImagePlus image, Object regions) {
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
        def text = message.toString()
        IJ.showStatus(text)
        if (IJ.instance == null) IJ.log(text)
        // ImageJ2 writes over it that the command has ended.
        else if (!unattended) Thread.startDaemon("Gold Digger status") {
            sleep(STATUS_MS)
            IJ.showStatus(text)
        }
    }

    private Map options() {
        inputs.collectEntries { key, value -> [key.substring(3), value instanceof File ? value.path : value] }
    }

    private Map answer(Map request, ImagePlus image) {
        def progress = new GoldProgress(name.replace("...", ""))
        def stoppedText = "Stopped; " + (image == null ? "what was finished is kept." : "the image is as it was.")
        def task = new FutureTask({ GoldEngine.answer(context, home, request, progress) } as Callable)
        Thread.startDaemon("Gold Digger classes") { shared("GoldTable") }
        def shown = image != null && WindowManager.getImage(image.ID) != null
        def thread = new Thread(task, "Gold Digger engine")
        thread.daemon = true
        thread.contextClassLoader = GoldCommand.classLoader
        thread.start()
        try {
            while (!task.done) {
                progress.show()
                // The engine may need a moment more to notice; nobody has to wait for that.
                if (IJ.escapePressed()) throw new GoldError(stoppedText, true)
                if (shown && WindowManager.getImage(image.ID) == null) throw new GoldError("Stopped: the image was closed.")
                Thread.sleep(20)
            }
            return task.get()
        } catch (InterruptedException stopped) {
            throw new GoldError(stoppedText, true)
        } catch (ExecutionException error) {
            throw error.cause
        } finally {
            progress.cancel()
        }
    }

    /** Asks for the pixel size that an image lacks. */
    private void askPixelSize(ImagePlus image, Map answer) {
        def dialog = new GenericDialog(name.replace("...", ""))
        dialog.addMessage("$image.title has no pixel size. How many nanometres wide is a pixel?" +
            (answer.offer == null ? "" : "\nThe burned-in scale bar says $answer.offer; please check that."))
        dialog.addNumericField("Pixel size", answer.offer == null ? Double.NaN : answer.offer as double, 4, 8, "nm")
        dialog.addCheckbox("Make it the image's scale", true)
        dialog.showDialog()
        if (dialog.wasCanceled()) throw new GoldError("Nothing was done; without a pixel size no gold can be measured.", true)
        double nm = dialog.nextNumber
        if (!(nm >= 0.01 && nm <= 1000)) throw new GoldError("Give the pixel size in nanometres, from 0.01 to 1000.")
        inputs.gd_pixel_size = nm.toString()
        // ImageJ2 records what the inputs are at the end.
        if (script.inputs.containsKey("gd_pixel_size")) script.setInput("gd_pixel_size", nm.toString())
        if (dialog.nextBoolean) {
            image.calibration.setUnit("nm")
            image.calibration.pixelWidth = image.calibration.pixelHeight = nm
            image.repaintWindow()
        }
    }

    /** Keeps a dialog from recording its labels, which are no keys of a command. */
    private static void unrecorded(Runnable work) {
        def recording = Recorder.record
        Recorder.record = false
        try {
            work.run()
        } finally {
            Recorder.record = recording
        }
    }

    private static void fail(String name, String message) {
        IJ.showStatus("")
        try {
            // In a macro this stops it, and then throws on this thread too, where there is nothing left to stop.
            IJ.error(name.replace("...", ""), IJ.instance == null ? message : message.replaceAll("(.{60,80}) ", "\$1\n"))
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
