// Finds the gold in every TIFF of a folder. For each image it saves the particles (CSV tables, a RoiSet zip, a picture
// and run.json) and STEM_overlay.tif: the image with the particles as its overlay.
//
// Without a display:
//     golddigger-ij macro detect-gold-in-folder.ijm IMAGES RESULTS
//     golddigger-ij macro detect-gold-in-folder.ijm IMAGES RESULTS "gd_sizes=6,12 gd_pixel_size=1.11"
// In Fiji: Plugins > Macros > Run... and pick this file; it asks for the two folders.
//
// Copy it and change it. The macro recorder shows the options of "Detect Gold Particles...".
// Of a stack it searches the slice that ImageJ opens it at; "Detect Gold in Folder..." searches all.

arguments = split(getArgument(), "\n");
if (arguments.length == 0)
    arguments = newArray(getDirectory("Folder of images"), getDirectory("Folder for the results"));
if (arguments.length == 1)
    exit("Give two folders: the one of the images and the one for the results.");
images = folder(arguments[0]);
results = folder(arguments[1]);
options = "gd_show=overlay gd_output=[" + results + "]";
if (arguments.length > 2)
    options = options + " " + arguments[2];
if (!File.isDirectory(images))
    exit(images + " is no folder.");
if (matches(replace(results, "\\[[^\\[\\]]*\\]", ""), ".*[\\[\\]].*"))
    exit(results + ": ImageJ takes no lone [ or ] in an option; choose another folder for the results.");

// What is done with one image. It stands as text, because eval() goes on to the next image when one fails.
searchOne = "given = split(getArgument(), '\\n');"
    + "before = 0; after = 0;"
    + "if (nImages > 0) before = getImageID();"
    + "open(given[0]);"
    + "if (nImages > 0) after = getImageID();"
    + "if (after == before) exit('ImageJ cannot open this image.');"
    + "run('Detect Gold Particles...', 'gd_image=' + after + ' ' + given[1]);"
    + "saveAs('tiff', given[2]);"
    + "close();"
    + "return 'done';";

names = getFileList(images);
searched = 0;
failed = "";
stems = "\n";
for (i = 0; i < names.length; i++) {
    if (isImage(names[i])) {
        searched++;
        print(names[i]);
        setBatchMode(true);
        overlay = results + stem(names[i]) + "_overlay.tif";
        if (indexOf(stems, "\n" + stem(names[i]) + "\n") >= 0) {
            print("Not searched: its results would take the place of those of another image.");
            failed = failed + ", " + names[i];
        } else if (eval(searchOne, images + names[i] + "\n" + options + "\n" + overlay) != "done")
            failed = failed + ", " + names[i];
        stems = stems + stem(names[i]) + "\n";
    }
}
if (searched == 0)
    exit(images + " holds no TIFF.");
if (failed != "")
    exit("Of " + searched + " images these failed: " + substring(failed, 2) + ". The results of the others are in " + results);
print("" + searched + " images; the results are in " + results);

// The path of a folder with its slash, for a file's name to follow.
function folder(path) {
    if (endsWith(path, "/") || endsWith(path, File.separator)) return path;
    return path + File.separator;
}

// TIFFs, without those that this macro has saved.
function isImage(name) {
    if (endsWith(name, "_overlay.tif")) return false;
    return matches(toLowerCase(name), ".*\\.tiff?");
}

// The name without its ending; a.ome.tif has two.
function stem(name) {
    return replace(name, "(?i)(\\.ome)?\\.tiff?$", "");
}
