#@ String (label="Image", visibility="INVISIBLE", required=false, persist=false, description="Title or ID of an open image; empty: the active one.") gd_image
#@ String (label="Model", value="gold", required=false, persist=false, description="A bundled model, 'gold' or 'synthetic', or a model's folder.") gd_model
#@ String (label="Threshold (0 to 1)", value="auto", required=false, persist=false, description="Least score of a particle, 0 to 1. 'auto': the model's own.") gd_threshold
#@ String (label="Sizes (nm)", value="auto", required=false, persist=false, description="'auto', nominal sizes '6,12,18' (nm), or limits '4-9,9-15'.") gd_sizes
#@ String (label="Pixel size (nm)", value="auto", required=false, persist=false, description="Nanometres for each pixel; overrides what the image says. 'auto': as it says.") gd_pixel_size
#@ String (label="Gold is", choices={"auto", "dark", "light"}, value="auto", required=false, persist=false, description="Gold is 'dark' or 'light'; 'auto' finds out.") gd_polarity
#@ String (label="Region", choices={"selection", "whole image"}, value="selection", required=false, persist=false, description="Look inside the selection, where there is one, or in the whole image.") gd_region
#@ Boolean (label="Look under scale bars", value=false, required=false, persist=false, description="Look under scale bars, captions and frames too.") gd_keep_burned_in
#@ String (label="Show in", choices={"ROI Manager and overlay", "ROI Manager", "overlay", "none"}, value="ROI Manager and overlay", required=false, persist=false, description="Where the particles appear.") gd_show
#@ String (label="Show as", choices={"auto", "ovals", "points"}, value="auto", required=false, persist=false, description="Ovals at their true diameter, or points; 'auto' takes points for very many.") gd_shape
#@ File (label="Save to folder (optional)", style="directory", required=false, persist=false, description="Folder for the run's files; empty: nothing is saved.") gd_output
#@ String (label="Device", value="auto", visibility="INVISIBLE", required=false, persist=false, description="'auto', 'cpu', 'cuda' or 'mps'.") gd_device
#@ org.scijava.script.ScriptService (initializer="run") gd_scripts

def shared = gd_scripts.scriptDirectories.collectMany { [it, it.absoluteFile.parentFile] }.collect { new File(it, "golddigger-ij/command.groovy") }.find { it.file }
evaluate(shared).run { command ->
    def image = command.image()
    def answer = command.ask("detect", image, [regions: command.regions(image)])
    command.show(image, answer)
    command.say(answer.message)
}
null
