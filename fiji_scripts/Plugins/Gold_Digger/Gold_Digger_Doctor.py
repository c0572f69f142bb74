#@ org.scijava.script.ScriptService gd_scripts
# Checks Python, the models, Java and Fiji, and says what to do about what does not work. A Jython script.
from groovy.lang import Binding, GroovyShell
from ij import IJ
from ij.text import TextWindow
from java.io import File


def examine(command):
    answer = command.ask("doctor")
    rows = ["\t".join(["works" if passed else "FAILS", name, text, advice or ""])
            for name, passed, text, advice in zip(answer["name"], answer["passed"], answer["text"], answer["advice"])]
    if IJ.getInstance() is None:
        for row in rows:
            IJ.log(row.replace("\t", "  ").rstrip())
    else:
        TextWindow("Gold Digger Doctor", "state\tof\tfound\tadvice", "\n".join(rows), 1000, 500)
    command.say(answer["message"])


# The script's own module, by which other commands begin, is kept from it in ImageJ2.
binding = Binding({"gd_context": gd_scripts.getContext(), "gd_name": "Gold Digger Doctor"})
shell = GroovyShell(gd_scripts.getClass().getClassLoader(), binding)
places = [File(place, "golddigger-ij/command.groovy") for folder in gd_scripts.getScriptDirectories()
          for place in (folder, folder.getAbsoluteFile().getParentFile())]
shell.evaluate([place for place in places if place.isFile()][0]).run(examine)
None
