"""What lies in the folder of a zoo: shards of weights, the table of states, weight spaces, the manifest."""
