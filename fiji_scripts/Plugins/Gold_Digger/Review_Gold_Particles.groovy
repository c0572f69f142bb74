#@ String (label="Image", visibility="INVISIBLE", required=false, persist=false, description="Title or ID of an open image; empty: the active one.") gd_image
#@ org.scijava.script.ScriptService (initializer="run") gd_scripts

def shared = gd_scripts.scriptDirectories.collectMany { [it, it.absoluteFile.parentFile] }.collect { new File(it, "golddigger-ij/command.groovy") }.find { it.file }
evaluate(shared).run { command ->
    command.review(command.image())
}
null
