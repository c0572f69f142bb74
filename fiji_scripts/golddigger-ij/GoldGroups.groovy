import groovy.transform.CompileStatic
import ij.IJ
import ij.gui.Roi
import ij.process.LUT
import java.awt.Color

/** Size groups as ImageJ's ROI groups: a number, a name and a colour each. Names that are the user's stay as they are. */
@CompileStatic
class GoldGroups {

    private static final int MOST = 255
    private static final String SIZE = /(?i)\d+(\.\d+)?\s?nm|other/
    private static final List<Color> COLOURS = [0x48beff, 0xffac00, 0xff70be, 0x00cd8c, 0xf5eb50, 0xfa5f1e, 0x6e7dff].collect { new Color(it) }

    /**
     * Finds each size group its number, and gives that number its name: the number that has this name already, or else the
     * first that nobody uses.
     *
     * @param labels size groups, in order
     * @param own the user's own ROIs, whose numbers are taken
     */
    static Map<String, Integer> numbers(Collection<String> labels, Collection<Roi> own) {
        def taken = own.collect { Roi roi -> roi.group } as Set<Integer>
        Map<String, Integer> numbers = [:]
        labels.each { String label ->
            def free = (1..MOST).find { int number -> Roi.getGroupName(number) == label }
            free = free ?: (1..MOST).find { int number -> Roi.getGroupName(number) == null && !taken.contains(number) }
            if (free == null) throw new GoldError("ImageJ has $MOST ROI groups, and all have names; free some in Edit > Options > Roi Defaults...")
            Roi.setGroupName(free, label)
            numbers[label] = free
        }
        numbers
    }

    /** What ImageJ's groups are called, by number; those without a name are left out. */
    static Map<Integer, String> labels() {
        Map<Integer, String> labels = [:]
        for (int number = 1; number <= MOST; number++) {
            def name = Roi.getGroupName(number)
            if (name) labels[number] = name
        }
        labels
    }

    /** Whether this is the name of a size group, such as 6nm. */
    static boolean isSize(String label) {
        label ==~ SIZE
    }

    /** The size group that a ROI is in: its ImageJ group, where that has the name of one, or else what it was found as. */
    static String of(Roi roi) {
        def name = roi.group > 0 ? Roi.getGroupName(roi.group) : null
        def found = roi.getProperty("gd_group")
        name != null && (found == null || isSize(name)) ? name : found ?: ""
    }

    /** Colours as #rrggbb, for labels in order; what is missing gets one of our own. */
    static Map<String, Color> colours(List<String> labels, List<String> given) {
        Map<String, Color> colours = [:]
        labels.eachWithIndex { String label, int i -> colours[label] = i < given.size() ? Color.decode(given[i]) : COLOURS[i % COLOURS.size()] }
        colours
    }

    /** A colour for a group that is new. */
    static Color colour(int number) {
        COLOURS[(number - 1) % COLOURS.size()]
    }

    /**
     * Gives ImageJ the colours, so that a ROI that the user puts into a group looks like the others. Fiji has a table of
     * group colours of its own, which stays; an ImageJ without one would only complain, and there is no public way to
     * give it one.
     */
    static void teach(Map<String, Integer> numbers, Map<String, Color> colours) {
        def folder = IJ.getDirectory("luts")
        if (folder != null && ["Glasbey.lut", "glasbey.lut"].any { String name -> new File(folder, name).file }) return
        try {
            def field = Roi.getDeclaredField("glasbeyLut")
            field.accessible = true
            def known = (LUT) field.get(null)
            def channels = new byte[3][256]
            for (int group = 1; group <= MOST; group++) {
                int colour = known != null ? known.getRGB(group) : GoldGroups.colour(group).RGB
                for (int c = 0; c < 3; c++) channels[c][group] = (byte) (colour >> (16 - 8 * c))
            }
            numbers.each { String label, int number ->
                int colour = colours[label].RGB
                for (int c = 0; c < 3; c++) channels[c][number] = (byte) (colour >> (16 - 8 * c))
            }
            field.set(null, new LUT(channels[0], channels[1], channels[2]))
        } catch (ReflectiveOperationException | RuntimeException unknown) {
            // Another ImageJ: it says once that it has no such table, and the particles have their colours all the same.
            return
        }
    }
}
