#@ String (label="Image", visibility="INVISIBLE", required=false, persist=false, description="Title or ID of an open image; empty: the active one.") gd_image
#@ File (label="Ground truth folder", style="directory", required=false, persist=false, description="Folder of ground truth; the image is added to it.") gd_folder
#@ String (label="Region", choices={"selection", "whole image"}, value="selection", required=false, persist=false, description="What was proof-read: inside the selection, or the whole image.") gd_region
#@ String (label="Take ROIs from", value="auto", required=false, persist=false, description="'ROI Manager', 'overlay', or a RoiSet.zip; 'auto': the ROI Manager where it holds any, else the overlay.") gd_rois
#@ String (label="Group of new marks (optional)", required=false, persist=false, description="Size group of marks without one, such as 6nm.") gd_default_group
#@ String (label="Author (optional)", required=false, persist=false, description="Who looked.") gd_author
#@ String (label="Pixel size (nm)", value="auto", required=false, persist=false, description="Nanometres for each pixel; overrides what the image says. 'auto': as it says.") gd_pixel_size
#@ org.scijava.script.ScriptService (initializer="run") gd_scripts

def shared = gd_scripts.scriptDirectories.collectMany { [it, it.absoluteFile.parentFile] }.collect { new File(it, "golddigger-ij/command.groovy") }.find { it.file }
evaluate(shared).run { command ->
    def image = command.image()
    def answer = command.ask("save_truth", image, [regions: command.regions(image), rois: command.rois(image)])
    command.say(answer.message)
}
null
