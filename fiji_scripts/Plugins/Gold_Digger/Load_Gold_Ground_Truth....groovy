#@ String (label="Image", visibility="INVISIBLE", required=false, persist=false, description="Title or ID of an open image; empty: the active one.") gd_image
#@ File (label="Ground truth folder", style="directory", required=false, persist=false, description="Folder of ground truth, or one NAME.json in it.") gd_folder
#@ String (label="Show in", choices={"ROI Manager and overlay", "ROI Manager", "overlay", "none"}, value="ROI Manager and overlay", required=false, persist=false, description="Where the particles appear.") gd_show
#@ String (label="Show as", choices={"auto", "ovals", "points"}, value="auto", required=false, persist=false, description="Ovals at their true diameter, or points; 'auto' takes points for very many.") gd_shape
#@ org.scijava.script.ScriptService (initializer="run") gd_scripts

def shared = gd_scripts.scriptDirectories.collectMany { [it, it.absoluteFile.parentFile] }.collect { new File(it, "golddigger-ij/command.groovy") }.find { it.file }
evaluate(shared).run { command ->
    def image = command.image()
    def answer = command.ask("load_truth", image)
    command.show(image, answer)
    command.select(image, answer.regions)
    command.say(answer.message)
}
null
