"""Where saved things come from and go to: folders, nets that ship with the package, repositories of the Hub."""
