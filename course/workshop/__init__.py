"""What makes the course; a learner needs none of it, and the library imports none of it.

Run from the repository root, as `make` does: ``python -m course.workshop.NAME``.

    editions    lessons' sources -> both editions, README's table    make notebooks
    shape       how much of a lesson's code is idea, how much picture
    recorder    runs inside a kernel: keeps what a live lesson needs
    collect     while nbval runs a notebook: its limits, and what it showed
    execution   lessons executed once, through nbval; kept in build/executed
    tools       the one look-up of a browser, the one fetch from npm
    pages       what a page of the site is made of; walk: what is wrong with built pages
    site        the lessons as pages                                 make site
    present     a lesson as a presentation                           make present LESSON=09
    slides      a lesson to print                                    make slides LESSON=09
    assignment  a lesson's exercises for Otter-Grader               make assignment LESSON=05
    release     wheel and source archive, built and tried            make release
    picture     the README's moving picture
    stages      the stages of `make test`, their seconds, and what was left out
"""
