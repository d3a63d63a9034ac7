"""`weightspace zoo ...`: build a folder of trained nets, look at it, check it, copy nets in and out."""
