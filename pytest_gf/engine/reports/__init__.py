"""What a run leaves behind: a file each for the record, the summary, the terminal and Allure."""
