#@ File (label="File", required=false, persist=false, description="A run's run.json, particles.csv or RoiSet.zip, or a CSV with x and y.") gd_path
#@ String (label="Image", visibility="INVISIBLE", required=false, persist=false, description="Title or ID of an open image; empty: the run's own.") gd_image
#@ String (label="Pixel size (nm)", value="auto", required=false, persist=false, description="Nanometres for each pixel; overrides what the image says. 'auto': as it says.") gd_pixel_size
#@ String (label="Size group if missing", required=false, persist=false, description="Size group of particles that the file gives none, such as 6nm.") gd_group
#@ String (label="Show in", choices={"ROI Manager and overlay", "ROI Manager", "overlay", "none"}, value="ROI Manager and overlay", required=false, persist=false, description="Where the particles appear.") gd_show
#@ String (label="Show as", choices={"auto", "ovals", "points"}, value="auto", required=false, persist=false, description="Ovals at their true diameter, or points; 'auto' takes points for very many.") gd_shape
#@ org.scijava.script.ScriptService (initializer="run") gd_scripts

def shared = gd_scripts.scriptDirectories.collectMany { [it, it.absoluteFile.parentFile] }.collect { new File(it, "golddigger-ij/command.groovy") }.find { it.file }
evaluate(shared).run { command ->
    def open = command.text("gd_image") ? command.image() : null
    def answer = command.ask("open_results", open)
    def image = open ?: command.imageOf(answer)
    if (answer.width && (image.width != (int) answer.width || image.height != (int) answer.height))
        throw command.error("$image.title has $image.width x $image.height px, and the results are of an image of " +
            "${(int) answer.width} x ${(int) answer.height} px; open that image first")
    command.show(image, answer)
    command.say(answer.message)
}
null
