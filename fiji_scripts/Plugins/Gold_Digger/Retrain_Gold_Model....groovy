#@ File (label="Ground truth folder", style="directory", required=false, persist=false, description="Folder of ground truth.") gd_folder
#@ File (label="Folder of the new model", style="directory", required=false, persist=false, description="Folder for the new model.") gd_output
#@ String (label="Start from", value="gold", required=false, persist=false, description="A bundled model, 'gold' or 'synthetic', or a model's folder.") gd_start
#@ String (label="Epochs", value="6", required=false, persist=false, description="How often it is judged and saved.") gd_epochs
#@ String (label="Steps in an epoch", value="100", required=false, persist=false, description="Fewer are quicker and teach less.") gd_steps
#@ String (label="Synthetic images", value="40", required=false, persist=false, description="So many are mixed in, so that what was known is not forgotten.") gd_synthetic
#@ String (label="Device", value="auto", visibility="INVISIBLE", required=false, persist=false, description="'auto', 'cpu', 'cuda' or 'mps'.") gd_device
#@ org.scijava.script.ScriptService (initializer="run") gd_scripts

def shared = gd_scripts.scriptDirectories.collectMany { [it, it.absoluteFile.parentFile] }.collect { new File(it, "golddigger-ij/command.groovy") }.find { it.file }
evaluate(shared).run { command ->
    command.say(command.ask("retrain").message)
}
null
