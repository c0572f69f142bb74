import ij.CommandListener
import ij.Executer
import ij.IJ
import ij.Macro
import ij.Menus
import ij.gui.GenericDialog
import ij.plugin.frame.Recorder
import java.awt.Menu
import java.awt.MenuItem
import java.util.concurrent.ExecutionException
import java.util.concurrent.Future
import javax.script.ScriptEngineManager
import org.scijava.Context
import org.scijava.module.ModuleItem
import org.scijava.module.ModuleService
import org.scijava.object.ObjectService
import org.scijava.script.ScriptInfo
import org.scijava.script.ScriptModule
import org.scijava.script.ScriptService

/**
 * The menu commands in an ImageJ that has SciJava's services but not ImageJ2, which would do all of this: it finds the
 * scripts, answers run("...") in macros, makes the menu and the dialogs, and records.
 */
class EmbeddedCommands implements CommandListener {

    private final Context context
    private final Map<String, ScriptInfo> commands

    static void install(Context context) {
        def scripts = context.service(ScriptService)
        // SciJava knows the languages from small libraries of its own, which Maven Central does not have.
        new ScriptEngineManager(Context.classLoader).engineFactories.each { scripts.index.add(it, true) }
        def installed = new EmbeddedCommands(context)
        Executer.addCommandListener(installed)
        context.service(ObjectService).addObject({ installed.addMenu() } as Runnable, "golddigger-ij menu")
    }

    private EmbeddedCommands(Context context) {
        this.context = context
        def ours = context.service(ScriptService).scripts.findAll { it.menuPath.size() == 3 && it.menuPath[1].name == "Gold Digger" }
        commands = new TreeMap(ours.collectEntries { [it.menuPath.leaf.name, it] })
    }

    void addMenu() {
        def plugins = Menus.getImageJMenu("Plugins")
        if ((0..<plugins.itemCount).any { plugins.getItem(it).label == "Gold Digger" }) return
        def menu = new Menu("Gold Digger")
        commands.keySet().each {
            def item = new MenuItem(it)
            item.addActionListener(IJ.instance)
            menu.add(item)
        }
        plugins.add(menu)
        def thread = new Thread({ compile() }, "Gold Digger classes")
        thread.daemon = true
        thread.priority = Thread.MIN_PRIORITY
        thread.start()
    }

    /** Compiles the classes of the commands, so that the first command need not wait for that. */
    private void compile() {
        def script = commands.values().find { it.path.endsWith(".groovy") }?.createModule()
        def shared = context.service(ScriptService).scriptDirectories.collect { new File(it, "golddigger-ij/command.groovy") }.find { it.file }
        if (script == null || shared == null) return
        context.inject(script)
        new GroovyShell(Context.classLoader, new Binding([(ScriptModule.name): script])).evaluate(shared).prepare()
    }

    @Override
    String commandExecuting(String name) {
        def script = commands[name]
        if (script == null) return name
        def options = Macro.options
        if (options == null && !IJ.isMacro()) {
            // From the menu: ImageJ calls its listeners inside their lock, and no other command could start meanwhile.
            new Thread({ fromMenu(name, script) }, name).start()
            return null
        }
        def values = script.inputs().collectEntries { [it.name, Macro.getValue(options ?: " ", it.name, null)] }.findAll { it.value != null }
        waitFor(run(script, values))
        return null
    }

    private void fromMenu(String name, ScriptInfo script) {
        try {
            def values = ask(name, script)
            if (values == null) return
            if (IJ.recording()) {
                Recorder.setCommand(name)
                values.each { key, value -> if (value != "" && value != null) Recorder.recordOption(key, value.toString()) }
                Recorder.saveCommand()
            }
            run(script, values).get()
        } catch (Throwable error) {
            IJ.handleException(error instanceof ExecutionException ? error.cause : error)
        }
    }

    private Future run(ScriptInfo script, Map values) {
        context.service(ModuleService).run(script, true, values)
    }

    private void waitFor(Future run) {
        def field = Executer.getDeclaredField("listeners")
        field.accessible = true
        def lock = field.get(null)
        // To wait on the lock is to let go of it, so that other commands can run meanwhile.
        while (!run.done) synchronized (lock) { lock.wait(10) }
        run.get()
    }

    /** Asks for the inputs in one dialog; null when the user cancels. */
    private Map ask(String name, ScriptInfo script) {
        def inputs = script.inputs().findAll { isAsked(it) }
        if (inputs.empty) return [:]
        def recording = Recorder.record
        // The dialog would record its labels, where the keys are wanted.
        Recorder.record = false
        try {
            def dialog = new GenericDialog(name.replace("...", ""))
            inputs.each { addField(dialog, it) }
            dialog.addHelp("<html>" + inputs.collect { "<p><b>$it.label</b> ($it.name)<br>$it.description</p>" }.join("") + "</html>")
            dialog.showDialog()
            return dialog.wasCanceled() ? null : inputs.collectEntries { [it.name, nextValue(dialog, it)] }
        } finally {
            Recorder.record = recording
        }
    }

    private static boolean isAsked(ModuleItem input) {
        input.name.startsWith("gd_") && input.type in [String, Boolean, File, Double, Integer] && input.visibility.name() == "NORMAL"
    }

    private static void addField(GenericDialog dialog, ModuleItem input) {
        def label = input.label ?: input.name, value = input.defaultValue
        if (input.choices) dialog.addChoice(label, input.choices as String[], value?.toString())
        else if (input.type == Boolean) dialog.addCheckbox(label, value as boolean)
        else if (input.type == File && input.widgetStyle?.contains("directory")) dialog.addDirectoryField(label, value?.toString() ?: "")
        else if (input.type == File) dialog.addFileField(label, value?.toString() ?: "")
        else dialog.addStringField(label, value?.toString() ?: "", 20)
    }

    private static Object nextValue(GenericDialog dialog, ModuleItem input) {
        if (input.choices) return dialog.nextChoice
        if (input.type == Boolean) return dialog.nextBoolean
        def text = dialog.nextString
        return input.type == File ? (text ? new File(text) : null) : text
    }
}
