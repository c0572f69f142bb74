#@ File (label="Folder of images", style="directory", required=false, persist=false, description="Folder of images, or one image.") gd_folder
#@ File (label="Save to folder (optional)", style="directory", required=false, persist=false, description="Folder for the results; empty: 'gold-digger' in theirs.") gd_output
#@ String (label="Model", value="gold", required=false, persist=false, description="A bundled model, 'gold' or 'synthetic', or a model's folder.") gd_model
#@ String (label="Threshold (0 to 1)", value="auto", required=false, persist=false, description="Least score of a particle, 0 to 1. 'auto': the model's own.") gd_threshold
#@ String (label="Sizes (nm)", value="auto", required=false, persist=false, description="'auto', nominal sizes '6,12,18' (nm), or limits '4-9,9-15'.") gd_sizes
#@ String (label="Pixel size (nm)", value="auto", required=false, persist=false, description="Nanometres for each pixel; overrides what the image says. 'auto': as it says.") gd_pixel_size
#@ String (label="Gold is", choices={"auto", "dark", "light"}, value="auto", required=false, persist=false, description="Gold is 'dark' or 'light'; 'auto' finds out.") gd_polarity
#@ Boolean (label="Look under scale bars", value=false, required=false, persist=false, description="Look under scale bars, captions and frames too.") gd_keep_burned_in
#@ Boolean (label="Search subfolders", value=false, required=false, persist=false, description="Search folders in folders, and repeat them below the output folder.") gd_keep_tree
#@ String (label="Plane of stacks", value="all", required=false, persist=false, description="Plane of a stack, from 1, or 'all'.") gd_plane
#@ Boolean (label="Redo finished images", value=false, required=false, persist=false, description="Also images whose results are there already.") gd_redo
#@ String (label="Device", value="auto", visibility="INVISIBLE", required=false, persist=false, description="'auto', 'cpu', 'cuda' or 'mps'.") gd_device
#@ org.scijava.script.ScriptService (initializer="run") gd_scripts

def shared = gd_scripts.scriptDirectories.collectMany { [it, it.absoluteFile.parentFile] }.collect { new File(it, "golddigger-ij/command.groovy") }.find { it.file }
evaluate(shared).run { command ->
    def answer = command.ask("detect_folder")
    answer.name.eachWithIndex { name, i ->
        command.table("Gold in Folder", [image: name, particles: answer.count[i], error: answer.error[i]])
    }
    command.say(answer.message)
    if (answer.failed > 0) throw command.error(answer.message)
}
null
