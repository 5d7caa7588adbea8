/** A project's settings: the dialogs the server has opened become modal. */

import { openDialogs } from "#js/lib/dialogs.js";

openDialogs();
