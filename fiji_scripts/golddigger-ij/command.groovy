// Every menu command begins here. Gives its GoldCommand, whose classes are compiled once for a running ImageJ.
import org.scijava.object.ObjectService
import org.scijava.script.ScriptModule

def script = binding.getVariable(ScriptModule.name)
def home = new File(getClass().protectionDomain.codeSource.location.toURI()).parentFile
def objects = script.context.getService(ObjectService)
def classes = objects.getObjects(GroovyClassLoader).find { it.URLs.contains(home.toURI().toURL()) }
if (classes == null) {
    classes = new GroovyClassLoader(ScriptModule.classLoader)
    classes.addClasspath(home.path)
    objects.addObject(classes, "golddigger-ij classes")
}
classes.loadClass("GoldCommand").newInstance(script, home)
