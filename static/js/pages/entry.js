import "#js/lib/site.js";
