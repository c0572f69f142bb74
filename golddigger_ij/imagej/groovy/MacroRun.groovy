import ij.IJ
import ij.Macro
import ij.io.OpenDialog
import ij.macro.Interpreter
import ij.plugin.Macro_Runner
import ij.plugin.frame.Editor
import java.awt.event.KeyEvent
import java.util.function.Predicate

/**
 * One run of a macro in an ImageJ without windows. ImageJ only prints why a macro stopped; so its streams are listened
 * to while the macro runs.
 */
class MacroRun extends Thread {

    /** What ImageJ said when the macro stopped; null when it ended well. */
    String failure
    /** Where that was; 0 when the macro itself said it, and when it stands in what ImageJ said. */
    int line
    /** What Java told of it, when something was thrown that ImageJ has no words for. */
    String trace
    /** What the macro returned. */
    String returned

    private final File file
    private final String text, argument, encoding
    private final Interpreter interpreter = new Interpreter()
    private final PrintStream out, err
    /** An error that ImageJ has told, and that is not printed yet: the macro may end with it, or go on. */
    private volatile String told
    private String exitMessage

    MacroRun(String path, String text, String argument, String encoding) {
        // By this end of its name ImageJ knows a macro's thread, and stops it when a file cannot be opened or saved.
        super('golddigger-ij Macro$')
        file = new File(path)
        this.text = text
        this.argument = argument
        this.encoding = encoding
        out = listened(FileDescriptor.out)
        err = listened(FileDescriptor.err)
        daemon = true
        contextClassLoader = IJ.classLoader
    }

    @Override
    void run() {
        def usualOut = System.out, usualErr = System.err
        // A command may end the whole process, and would end it as if all was well.
        def onExit = new Thread({
            if (told != null) {
                printTold()
                Runtime.runtime.halt(1)
            }
        })
        Runtime.runtime.addShutdownHook(onExit)
        System.out = out
        System.err = err
        try {
            Macro_Runner.filePath = file.path
            OpenDialog.lastDirectory = file.parent + File.separator
            OpenDialog.lastName = file.name
            returned = interpreter.run(Editor.doInclude(text), argument)
            if (interpreter.wasError()) failure = takeTold() ?: interpreter.errorMessage
        } catch (Throwable thrown) {
            judge(thrown)
        } finally {
            printTold()
            System.out = usualOut
            System.err = usualErr
            Runtime.runtime.removeShutdownHook(onExit)
        }
    }

    /** Whether the macro runs, or the engine, which may take a moment to notice that its command was stopped. */
    boolean isAtWork() {
        alive || allStackTraces.keySet().any { it.name == "Gold Digger engine" }
    }

    /** Makes the macro stop: what it runs, by Esc, and then the macro. To be called until nothing is at work. */
    void halt() {
        IJ.setKeyDown(KeyEvent.VK_ESCAPE)
        [Interpreter.instance, interpreter].findAll { it != null && !it.done() }.each {
            it.setIgnoreErrors(true)
            it.abort("stopped")
        }
        if (stackTrace.any { it.className == "ij.IJ" && it.methodName == "wait" }) interrupt()
    }

    private void judge(Throwable thrown) {
        def from = thrown.stackTrace.find { true }
        if (thrown.message != Macro.MACRO_CANCELED) {
            failure = thrown.toString()
            trace = asText(thrown)
        } else if (from?.className == "ij.macro.Functions" && from.methodName == "exit") {
            failure = exitMessage
            if (failure != null) told = null
            return
        } else {
            failure = takeTold() ?: "stopped without a message, as by a question that needs a window"
            // Of this ImageJ says more than one line.
            if (IJ.errorMessage == "out of memory") failure = "OutOfMemoryError"
        }
        if (!interpreter.wasError()) line = interpreter.lineNumber
    }

    /** Whether a text is only output, and nothing that a macro stops with. */
    private boolean isOutput(String text) {
        printTold()
        def callers = callers(), by = callers.findAll { it.startsWith("ij.") }.take(2).join(" ")
        switch (by) {
            case "ij.IJ.showMessage ij.macro.Functions.exit":
                told = text
                // Another macro that this one called may end itself, and this one go on.
                if (!("ij.plugin.Macro_Runner.runMacro" in callers)) exitMessage = text
                return false
            case "ij.IJ.showMessage ij.IJ.error":
            case "ij.IJ.log ij.IJ.handleException":
            case ~/ij\.macro\.Interpreter\.showError.*/:
                told = text
                return false
            case "ij.IJ.log ij.Executer.run":
                return !isStoppedBy(text)
        }
        !("org.scijava.script.ScriptModule.run" in callers && text.startsWith("[ERROR]") && isStoppedBy(text))
    }

    /** Stops the macro where a command has thrown something: ImageJ would go on without its result. */
    private boolean isStoppedBy(String thrown) {
        def running = Interpreter.instance
        if (running == null) return false
        trace = thrown - "[ERROR] "
        try {
            running.abort(trace.readLines().first())
        } catch (RuntimeException stopped) {
            if (stopped.message != Macro.MACRO_CANCELED) throw stopped
        }
        true
    }

    private String takeTold() {
        def text = told
        told = null
        text
    }

    private void printTold() {
        def text = takeTold()
        if (text == null) return
        exitMessage = trace = null
        err.write((text + System.lineSeparator()).getBytes(encoding))
    }

    private static List<String> callers() {
        new Throwable().stackTrace.collect { "${it.className}.${it.methodName}".toString() }
    }

    private static String asText(Throwable thrown) {
        def text = new StringWriter()
        thrown.printStackTrace(new PrintWriter(text))
        text
    }

    private PrintStream listened(FileDescriptor where) {
        new Listened(new FileOutputStream(where), encoding, this.&isOutput as Predicate<String>)
    }

    /** Prints what is only output. */
    static class Listened extends PrintStream {
        private final Predicate<String> isOutput

        Listened(OutputStream where, String encoding, Predicate<String> isOutput) {
            super(where, true, encoding)
            this.isOutput = isOutput
        }

        @Override
        void print(String text) {
            if (isOutput.test(text)) super.print(text)
        }

        @Override
        void print(Object text) {
            print(String.valueOf(text))
        }

        @Override
        void println(String text) {
            if (isOutput.test(text)) super.print(text + System.lineSeparator())
        }
    }
}
