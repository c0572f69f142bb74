import java.util.function.Function
import org.scijava.Context
import org.scijava.object.ObjectService

/** Finds the engine: in this process, in Fiji's own Python, or as a worker process; and hands it one map for another. */
class GoldEngine {

    private static final String NAME = "golddigger-ij"
    private static final String IN_FIJIS_PYTHON = "from golddigger_ij.imagej.jvm import attach\nattach(context)\nNone\n"

    /** Asks the engine; a worker process is started where there is no Python in this one. */
    static Map answer(Context context, File home, Map request, GoldProgress progress) {
        def engine = inProcess(context)
        // By name: compiling GoldWorker needs Appose's classes, and with Python in this process they may not be there.
        if (engine == null) return GoldEngine.classLoader.loadClass("GoldWorker").answer(home, request, progress)
        (Map) engine.apply(request + [callback: progress])
    }

    private static synchronized Function inProcess(Context context) {
        def objects = context.service(ObjectService)
        def named = { name -> objects.getObjects(Function).find { objects.getName(it) == name } }
        def runner = named("PythonScriptRunner")
        if (named(NAME) == null && runner != null) {
            // Where that Python lacks golddigger-ij, or cannot run a script, a worker does the work.
            try {
                runner.apply(new PythonScript(script: IN_FIJIS_PYTHON, vars: [context: context]))
            } catch (RuntimeException failed) {
                System.err.println("Gold Digger: Fiji's Python does not run the engine ($failed)")
            }
        }
        named(NAME)
    }

    /** What Fiji's Python mode takes for a script. */
    static class PythonScript {
        public Object script
        public Map<String, Object> vars = [:]
        public javax.script.ScriptContext scriptContext = new javax.script.SimpleScriptContext(errorWriter: new StringWriter())
    }
}
