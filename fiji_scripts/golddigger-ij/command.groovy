// Every menu command begins here. Gives its GoldCommand, whose classes are compiled once for a running ImageJ.
import ij.IJ
import org.scijava.ItemVisibility
import org.scijava.module.process.InitPreprocessor
import org.scijava.object.ObjectService
import org.scijava.script.ScriptModule
import org.scijava.service.Service
import org.scijava.thread.ThreadService

// Jython keeps a script's module from the script, which gives its context and its name instead.
def script = binding.hasVariable(ScriptModule.name) ? (ScriptModule) binding.getVariable(ScriptModule.name) : null
def context = script == null ? gd_context : script.context
def name = script == null ? gd_name : script.info.menuPath?.leaf?.name ?: "Gold Digger"

// By initializer="run" ImageJ2 runs a script once more, before it asks for the inputs. It would ask for all that a macro does
// not give, and for the invisible ones: here these are settled, and nothing else is done.
if (new Throwable().stackTrace.any { it.className == InitPreprocessor.name }) {
    def inputs = script.info.inputs().findAll { !Service.isAssignableFrom(it.type) }
    def picked = context.getService(ThreadService).getParent(null)?.name in [name, "Run\$_" + name]
    def given = inputs.any { script.isInputResolved(it.name) } || IJ.isMacro() && !picked
    def asked = IJ.instance?.visible && !given
    inputs.findAll { !asked || it.visibility == ItemVisibility.INVISIBLE }.each { script.resolveInput(it.name) }
    // ImageJ2's Groovy fails at the end of a script that it need not compile again.
    def engine = ScriptModule.getDeclaredField("scriptEngine")
    engine.accessible = true
    engine.set(script, null)
    return new Object() { void run(Object work) { } }
}

// From here on Esc is for this command, also while its classes are compiled.
IJ.resetEscape()
def home = new File(getClass().protectionDomain.codeSource.location.toURI()).parentFile
def objects = context.getService(ObjectService)
def classes = objects.getObjects(GroovyClassLoader).find { it.URLs.contains(home.toURI().toURL()) }
if (classes == null) {
    classes = new GroovyClassLoader(ScriptModule.classLoader)
    classes.addClasspath(home.path)
    objects.addObject(classes, "golddigger-ij classes")
}
classes.loadClass("GoldCommand").newInstance(context, name, script, home)
