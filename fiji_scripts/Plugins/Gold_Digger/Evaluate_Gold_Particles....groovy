#@ String (label="Image", visibility="INVISIBLE", required=false, persist=false, description="Title or ID of an open image; empty: the active one.") gd_image
#@ String (label="Region", choices={"selection", "whole image"}, value="selection", required=false, persist=false, description="What is judged: inside the selection, where there is one, or the whole image.") gd_region
#@ String (label="Take ROIs from", value="auto", required=false, persist=false, description="'ROI Manager', 'overlay', or a RoiSet.zip; 'auto': the ROI Manager where it holds any, else the overlay.") gd_rois
#@ String (label="Match within (nm)", value="5.0", required=false, persist=false, description="Largest distance of a match in nm.") gd_cutoff_nm
#@ String (label="Group of new marks (optional)", required=false, persist=false, description="Size group of marks without one, such as 6nm.") gd_default_group
#@ org.scijava.script.ScriptService (initializer="run") gd_scripts

def shared = gd_scripts.scriptDirectories.collectMany { [it, it.absoluteFile.parentFile] }.collect { new File(it, "golddigger-ij/command.groovy") }.find { it.file }
evaluate(shared).run { command ->
    def image = command.image()
    def answer = command.ask("evaluate", image, [regions: command.regions(image), rois: command.rois(image)])
    command.table("Gold Evaluation", [image: image.title, run: answer.run, TP: answer.true_positives, FP: answer.false_positives,
        FN: answer.false_negatives, accuracy: answer.accuracy, precision: answer.precision, recall: answer.recall, F1: answer.f1,
        RMSE_nm: answer.rmse_nm, mean_distance_nm: answer.mean_distance_nm, right_size: answer.right_size])
    command.say(answer.message)
}
null
