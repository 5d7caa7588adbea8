/** The first page: a glance at each project. */

import "#js/elements/spark-lines.js";
