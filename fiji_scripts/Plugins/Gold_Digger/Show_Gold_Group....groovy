#@ String (label="Image", visibility="INVISIBLE", required=false, persist=false, description="Title or ID of an open image; empty: the active one.") gd_image
#@ String (label="Size group", value="all", required=false, persist=false, description="Size group that stays visible, such as 6nm, or 'all'.") gd_group
#@ String (label="Least score (0 to 1)", value="0", required=false, persist=false, description="Particles with a lower score are hidden, too, 0 to 1.") gd_least_score
#@ org.scijava.script.ScriptService (initializer="run") gd_scripts

def shared = gd_scripts.scriptDirectories.collectMany { [it, it.absoluteFile.parentFile] }.collect { new File(it, "golddigger-ij/command.groovy") }.find { it.file }
evaluate(shared).run { command ->
    command.showGroup(command.image())
}
null
