"""What ImageJ2 does around a script and embedded ImageJ does not: asking for inputs, script engines of its own."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

# Written after what imagej-legacy, scripting-groovy and scripting-jython do; none of them is on Maven Central.
STAND_INS = """
import ij.IJ
import ij.Macro
import ij.Menus
import java.security.CodeSource
import javax.script.ScriptContext
import javax.script.ScriptEngine
import net.imagej.patcher.LegacyHooks
import net.imagej.patcher.LegacyInjector
import org.codehaus.groovy.control.CompilationUnit
import org.codehaus.groovy.control.CompilerConfiguration
import org.codehaus.groovy.jsr223.GroovyScriptEngineFactory
import org.codehaus.groovy.jsr223.GroovyScriptEngineImpl
import org.python.util.PythonInterpreter
import org.scijava.Context
import org.scijava.convert.ConvertService
import org.scijava.module.ModuleService
import org.scijava.module.process.AbstractPreprocessorPlugin
import org.scijava.module.process.PreprocessorPlugin
import org.scijava.plugin.Plugin
import org.scijava.plugin.PluginInfo
import org.scijava.plugin.PluginService
import org.scijava.script.AbstractScriptEngine
import org.scijava.script.AdaptedScriptLanguage
import org.scijava.script.ScriptModule
import org.scijava.script.ScriptService
import org.scijava.thread.ThreadService

class StandIns {
    static void install(Context context) {
        def scripts = context.service(ScriptService), hooks = new Hooks(context: context)
        [Options, Dialog].each { context.service(PluginService).addPlugin(new PluginInfo(it, PreprocessorPlugin)) }
        [new Groovy(), new Jython()].each { it.context = context; scripts.index.add(it, true) }
        LegacyInjector.installHooks(Context.classLoader, hooks)
        def ours = scripts.scripts.findAll { it.path.contains("Gold_Digger/") }
        hooks.commands = ours.collectEntries { [it.identifier, it] }
        hooks.commands.each { identifier, script -> Menus.commands.put(script.menuPath.leaf.name, identifier) }
    }
}

/** Runs a command as a script, and knows which thread waits for which. */
class Hooks extends LegacyHooks {
    Context context
    Map commands = [:]

    Object interceptRunPlugIn(String name, String argument) {
        commands[name] == null ? null : context.service(ModuleService).run(commands[name], true).get()
    }

    Iterable<Thread> getThreadAncestors() {
        def threads = context.service(ThreadService), found = [], thread = threads.getParent(null)
        while (thread != null && !(thread in found)) {
            found << thread
            thread = threads.getParent(thread)
        }
        found
    }
}

/** Takes the options of a macro for inputs. */
@Plugin(type = PreprocessorPlugin, priority = 20000d)
class Options extends AbstractPreprocessorPlugin {
    void process(org.scijava.module.Module module) {
        if (IJ.isMacro()) module.info.inputs().each { input ->
            def value = Macro.getValue(Macro.options ?: "", input.name, null)
            if (value == null) return
            module.setInput(input.name, context.service(ConvertService).convert(value, input.type))
            module.resolveInput(input.name)
        }
    }
}

/** Asks for all inputs that are not settled. */
@Plugin(type = PreprocessorPlugin, priority = -10000d)
class Dialog extends AbstractPreprocessorPlugin {
    static List asked = []

    void process(org.scijava.module.Module module) {
        def open = module.info.inputs().findAll { !module.isInputResolved(it.name) }*.name
        if (open) asked << open.join(" ")
        open.each { module.resolveInput(it) }
    }
}

/** Needs what the compiler left behind, after each script. */
class Groovy extends AdaptedScriptLanguage {
    static final ThreadLocal COMPILED = new ThreadLocal()

    Groovy() { super(new GroovyScriptEngineFactory()) }

    ScriptEngine getScriptEngine() {
        def engine = new GroovyScriptEngineImpl() {
            Object eval(String script, ScriptContext scope) {
                def result = super.eval(script, scope), compiled = Groovy.COMPILED.get()
                Groovy.COMPILED.remove()
                compiled.modules.size()
                result
            }
        }
        engine.classLoader = new Loader(engine.classLoader, new CompilerConfiguration())
        engine
    }
}

class Loader extends GroovyClassLoader {
    Loader(ClassLoader parent, CompilerConfiguration how) { super(parent, how, false) }

    protected CompilationUnit createCompilationUnit(CompilerConfiguration how, CodeSource source) {
        def unit = super.createCompilationUnit(how, source)
        Groovy.COMPILED.set(unit.AST)
        unit
    }
}

/** Keeps a script's module from the script. */
class Jython extends AdaptedScriptLanguage {
    Jython() { super("jython") }

    ScriptEngine getScriptEngine() { new JythonEngine() }
}

class JythonEngine extends AbstractScriptEngine {
    final PythonInterpreter interpreter

    JythonEngine() {
        def python = interpreter = new PythonInterpreter()
        engineScopeBindings = new javax.script.SimpleBindings() {
            Object put(String name, Object value) {
                if (!(value instanceof ScriptModule)) python.set(name, value)
                super.put(name, value)
            }
        }
    }

    Object eval(String script) { eval(new StringReader(script)) }

    Object eval(Reader script) { interpreter.exec(script.text) }
}
"""

SESSION = """
import json, os, sys, threading, time
import jpype
from golddigger_ij.fiji_scripts import fiji_scripts_folder
from golddigger_ij.imagej import bridge, embedded, jvm

home, source = sys.argv[1:]
own = [f"-Duser.home={home}", f"-Djava.util.prefs.userRoot={home}", "--add-opens=java.base/java.lang=ALL-UNNAMED"]
options = [*own, f"-Dscijava.scripts.path={fiji_scripts_folder()}"]
jvm.start_jvm([*embedded.COORDINATES, *embedded.HEADLESS_COORDINATES], options)
JClass = jpype.JClass
JClass("net.imagej.patcher.LegacyInjector").preinit()
context = JClass("org.scijava.Context")(False)
bridge.register(context)
IJ, Window = JClass("ij.IJ"), JClass("java.awt.Window")
JClass("ij.ImageJ")(JClass("ij.ImageJ").EMBEDDED).exitWhenQuitting(False)
loader = JClass("groovy.lang.GroovyClassLoader")(IJ.class_.getClassLoader())
loader.addClasspath(source)
loader.loadClass("StandIns").getMethod("install", context.getClass()).invoke(None, context)
asked = loader.loadClass("Dialog").getMethod("getAsked").invoke(None)
told = {}

def close_messages():
    while True:
        for window in Window.getWindows():
            if isinstance(window, JClass("java.awt.Dialog")):
                window.dispose()
        time.sleep(0.1)

def during(name, work):
    asked.clear()
    try:
        work()
    except jpype.JException:
        pass
    told[name] = [str(names) for names in asked]

def pick(command):
    thread = JClass("ij.Executer")(command, None)
    end = time.monotonic() + 60
    while not asked and time.monotonic() < end:
        time.sleep(0.1)

threading.Thread(target=close_messages, daemon=True).start()
scripts = {str(one.getMenuPath().getLeaf().getName()): one for one in
           context.getService(JClass("org.scijava.script.ScriptService")).getScripts()}
values = JClass("java.util.HashMap")()
values.put("gd_group", "6nm")
IJ.createImage("section", "8-bit ramp", 60, 60, 1).show()
during("macro", lambda: IJ.runMacro('run("Show Gold Group...", "gd_group=6nm");'))
during("macro without keys", lambda: IJ.runMacro('run("Show Gold Group...");'))
modules = context.getService(JClass("org.scijava.module.ModuleService"))
during("code", lambda: modules.run(scripts["Show Gold Group..."], True, values).get())
during("menu", lambda: pick("Show Gold Group..."))
waits = threading.Thread(target=lambda: IJ.runMacro("wait(8000);"), daemon=True)
waits.start()
time.sleep(1)
during("menu while a macro waits", lambda: pick("Show Gold Group..."))
waits.join()
during("doctor", lambda: IJ.runMacro('run("Gold Digger Doctor");'))
told["windows"] = [str(title) for title in JClass("ij.WindowManager").getNonImageTitles()]
hidden = IJ.createImage("hidden", "8-bit ramp", 50, 50, 1)
during("hidden", lambda: IJ.run(hidden, "Show Gold Group...", "gd_group=6nm"))
told["error"] = " ".join(str(IJ.getErrorMessage()).split())
print(json.dumps(told), flush=True)
os._exit(0)
"""


@pytest.fixture(scope="module")
def session(java, imagej_within_reach, display, tmp_path_factory) -> tuple[dict[str, Any], str]:
    """What ImageJ2 asked for in each case, and what Java printed."""
    home, source = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("source")
    (source / "StandIns.groovy").write_text(STAND_INS, encoding="utf-8")
    command = [sys.executable, "-c", SESSION, str(home), str(source)]
    environment = {**os.environ, "DISPLAY": display, "GOLDDIGGER_IJ_HOME": str(home)}
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1]), done.stdout + done.stderr


@pytest.mark.parametrize("way", ["macro", "macro without keys", "code", "hidden"])
def test_a_macro_is_asked_for_nothing_whatever_keys_it_leaves_out(session, way):
    assert session[0][way] == []


@pytest.mark.parametrize("way", ["menu", "menu while a macro waits"])
def test_from_the_menu_the_user_is_asked_for_what_is_not_invisible(session, way):
    assert session[0][way] == ["gd_group gd_least_score"]


def test_a_command_in_jython_needs_no_module_of_its_script(session):
    assert "Gold Digger Doctor" in session[0]["windows"]


def test_an_image_that_is_not_shown_is_the_one_that_it_is_run_on(session):
    assert session[0]["error"] == "hidden shows no particles; detect the gold or open its results first."


def test_no_script_ends_with_an_error_in_the_log(session):
    assert "[ERROR]" not in session[1]
